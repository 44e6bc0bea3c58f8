"""The slides of a run, and how the run used them; reads no network, so it needs no TensorFlow."""

import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hrpn_tf.config import Config
from hrpn_tf.errors import RunError, SlideListError, SlideNotFoundError, UsageError
from hrpn_tf.slides.names import file_stem, lookalike, refuse_bad_name
from hrpn_tf.text import in_shell, printable

if TYPE_CHECKING:
    from hrpn_tf.data.manifest import DatasetManifest

SUBSETS = ("train", "validation", "test")
OTHER = "other"
SUFFIXES = (".ome.tif", ".ome.zarr")
_SHOWN = 12  # groups in a message


@dataclass(frozen=True)
class RunSlide:
    """One slide, seen from a run.

    Attributes:
        name: as in the slide list.
        path: file or folder.
        group: what the run split by.
        subset: train, validation, test, or "other" for a group that the run never saw.
        channels: role: channel name or index in the file.
        pixel_size_um: um per pixel that was stated for a slide whose file states none, or None.
        anchor: measured mean of the target over the tissue of the group; None if none is stated.
        condition: what is compared, such as a treatment; "" if none is stated.
    """

    name: str
    path: Path
    group: str
    subset: str
    channels: dict[str, str | int]
    pixel_size_um: float | None
    anchor: float | None = None
    condition: str = ""


def stored_slides(dataset: "DatasetManifest", subsets: Mapping[str, str]) -> tuple[RunSlide, ...]:
    """All slides of a patch dataset.

    Args:
        dataset: its manifest.
        subsets: group: how the training used it.
    """
    return tuple(
        RunSlide(
            record.name,
            Path(record.path),
            record.group,
            _subset(record.group, subsets, RunError, "the patch dataset"),
            dict(record.channels),
            record.pixel_size_um,
        )
        for record in dataset.slides
    )


def listed_slides(
    slide_list: Path, config: Config, subsets: Mapping[str, str]
) -> tuple[RunSlide, ...]:
    """All slides of a list.

    Args:
        slide_list: CSV or YAML file.
        config: of the training.
        subsets: group: how the training used it.

    Raises:
        SlideListError, SlideNotFoundError: see ``read_slide_list``.
    """
    from hrpn_tf.data.slide_list import read_slide_list

    return tuple(
        RunSlide(
            entry.name,
            entry.path,
            entry.group,
            _subset(entry.group, subsets, SlideListError, str(slide_list)),
            entry.channels,
            config.data.pixel_size_um,
            entry.anchor,
            entry.condition,
        )
        for entry in read_slide_list(slide_list, config.data)
    )


def _subset(group: str, subsets: Mapping[str, str], error: type[UsageError], source: str) -> str:
    """How the training used a group; one whose name is only nearly the same is no other group."""
    if group not in subsets and (known := lookalike(group, subsets)) is not None:
        raise error(
            f"{source}: the group {printable(ascii(group), 60)} differs from "
            f"{printable(ascii(known), 60)} of the run by case, spaces or Unicode form alone; "
            "write it as the run does, or choose another name"
        )
    return subsets.get(group, OTHER)


def choose_slides(
    slides: Sequence[RunSlide], groups: Sequence[str], source: str
) -> tuple[RunSlide, ...]:
    """The slides of some groups; by default those that the run neither trained nor picked with.

    Args:
        slides: all there are.
        groups: names; empty for the test groups and groups that the run never saw.
        source: what holds the slides, for the message.

    Raises:
        UsageError: no slide remains.
        SlideNotFoundError: a slide is gone.
    """
    present = sorted({slide.group for slide in slides})
    if unknown := sorted(set(groups) - set(present)):
        raise UsageError(f"{source}: no group {unknown[0]}; it has {_listed(present)}")
    if groups:
        chosen = tuple(slide for slide in slides if slide.group in groups)
    else:
        chosen = tuple(slide for slide in slides if slide.subset in ("test", OTHER))
    if not chosen:
        raise UsageError(
            f"{source}: the run trained or picked its checkpoint on every group "
            f"({_listed(present)}); name one with --group, but its metrics will be optimistic"
        )
    for slide in chosen:
        if not slide.path.exists():
            raise SlideNotFoundError(f"{slide.path}: no such slide (of {source})")
    return chosen


def _listed(names: Sequence[str]) -> str:
    """Names for a message, of which there may be hundreds."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"


def prediction_path(folder: Path, name: str, suffix: str = ".ome.tif") -> Path:
    """Where the prediction of a slide goes in a folder of predictions.

    Raises:
        UsageError: the name cannot be that of a file.
    """
    refuse_bad_name(name)
    return folder / f"{file_stem(name)}{suffix}"


def predict_command(
    slide_list: Path | None, network: Sequence[str], out: Path, groups: Iterable[str]
) -> str:
    """The command that makes predictions which are missing, to be pasted into a shell.

    Args:
        slide_list: names the slides; None for those of the run.
        network: options that name it.
        out: folder of the predictions.
        groups: of the slides.

    Example:
        >>> predict_command(Path("my list.csv"), ["--run", "RUN"], Path("p"), ["a"])
        "hrpn-tf predict 'my list.csv' --run RUN --out p --group a"
    """
    listed = "" if slide_list is None else f" {in_shell(slide_list)}"
    chosen = [part for group in groups for part in ("--group", group)]
    return f"hrpn-tf predict{listed} {shlex.join([*network, '--out', str(out), *chosen])}"


def find_prediction(folder: Path, name: str) -> Path | None:
    """The prediction of a slide in a folder of predictions, whatever its format."""
    paths = [prediction_path(folder, name, suffix) for suffix in SUFFIXES]
    # of a version that took every name for its file as it was
    paths += [folder / f"{name}{suffix}" for suffix in SUFFIXES]
    return next((path for path in paths if os.path.exists(path)), None)
