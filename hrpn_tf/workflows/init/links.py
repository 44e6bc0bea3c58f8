"""Folders with one TIFF per channel, made of links to files that lie side by side."""

import os
from pathlib import Path

from hrpn_tf.errors import OutputExistsError
from hrpn_tf.files import atomic_path
from hrpn_tf.slides.names import file_stem
from hrpn_tf.slides.tiff.folder import channel_suffix
from hrpn_tf.workflows.init.proposal import Proposal, ProposedSlide

FOLDER = "slides-by-channel"


def link_folder(slide: ProposedSlide, out: Path) -> Path:
    """Folder of the channels of a slide, within the folder of the results."""
    return out / FOLDER / file_stem(slide.name)


def refuse_other_files(folder: Path, overwrite: bool) -> None:
    """Refuse to replace a folder unless it holds nothing but links, as :func:`write_links` makes.

    Raises:
        OutputExistsError: it does, or ``overwrite`` is false.
    """
    if not os.path.lexists(folder):
        return
    if not overwrite:
        raise OutputExistsError(f"{folder} exists; give --overwrite to replace it")
    own = folder.is_dir() and not folder.is_symlink()
    inner = list(folder.iterdir()) if own else []
    if not own or not all(
        each.is_dir()
        and not each.is_symlink()
        and all(file.is_symlink() for file in each.iterdir())
        for each in inner
    ):
        raise OutputExistsError(
            f"{folder} holds more than links to slides and is never replaced; move it, or name "
            "another --out"
        )


def write_links(proposal: Proposal, out: Path, overwrite: bool) -> None:
    """Make a folder for each slide whose channels lie side by side with those of others.

    Raises:
        OSError: the file system has no links.
    """
    split = [slide for slide in proposal.slides if slide.files and not slide.left_out]
    if not split:
        return
    refuse_other_files(out / FOLDER, overwrite)
    with atomic_path(out / FOLDER, overwrite) as temporary:
        for slide in split:
            folder = temporary / file_stem(slide.name)
            folder.mkdir(parents=True)
            # as deep as the final folder, so that the links hold after the renaming
            for channel, file in slide.files.items():
                link = folder / f"{channel}{channel_suffix(file)}"
                target = os.path.relpath(os.path.abspath(file), os.path.realpath(folder))
                link.symlink_to(target)
