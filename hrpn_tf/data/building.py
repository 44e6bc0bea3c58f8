"""Cut slides into a patch store, complete or not at all."""

import hashlib
import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from hrpn_tf._version import __version__
from hrpn_tf.config import DataConfig
from hrpn_tf.data.cutting import cut_slide
from hrpn_tf.data.manifest import (
    MANIFEST,
    DatasetManifest,
    SlideRecord,
    read_slide_record,
    slide_folder,
    write_json,
)
from hrpn_tf.data.normalisation import normalisation_of
from hrpn_tf.data.plan import PlannedSlide, fingerprint, owned_settings, plan_slides
from hrpn_tf.data.slide_list import SlideEntry
from hrpn_tf.data.store import PatchStore, open_store
from hrpn_tf.errors import DiskFullError, HrpnError, StoreError
from hrpn_tf.files import (
    atomic_path,
    disk_full_as_named_error,
    held_folder,
    move,
    refuse_existing,
    refuse_lost_inputs,
    remove,
)
from hrpn_tf.text import counted, printable
from hrpn_tf.untrusted import read_text

_NAMED = 3  # slides in a warning
_IDENTITIES = "fingerprint"  # file of those of the slides, a line each
_DONE = "slide.json"
_KEPT = "kept"  # folder of finished slides between their old and their new place
_FULL = "finished slides are kept; make room, and run the same command again"

logger = logging.getLogger(__name__)


def build_store(
    entries: Sequence[SlideEntry],
    config: DataConfig,
    path: Path,
    overwrite: bool = False,
    progress: bool = True,
) -> PatchStore:
    """Cut slides into a store of patches.

    The store is built beside its final name (``NAME.partial``) and renamed when complete. An
    interrupted build resumes at its first unfinished slide. So does one that failed at a slide,
    when that slide was mended or left out of the list: slides that are finished stay.

    Args:
        entries: the slides; see :func:`hrpn_tf.data.slide_list.read_slide_list`.
        config: patches, grid and tissue.
        path: folder to create.
        overwrite: replace an existing store, and an unfinished one of another configuration.
        progress: show a bar per slide on standard error.

    Raises:
        OutputExistsError: the store exists.
        RunBusyError: another process is preparing the same store.
        StoreError: an unfinished store of other slides or another configuration is there.
        DiskFullError: the disk filled up; what is finished is kept for the next attempt.
        HrpnError: see :func:`hrpn_tf.data.plan.plan_slides`,
            :func:`hrpn_tf.data.cutting.cut_slide`.
    """
    refuse_existing(path, overwrite)
    refuse_lost_inputs(path, (entry.path for entry in entries))
    _warn_of_unused(entries, config)
    plans = plan_slides(entries, config)
    partial = path.with_name(path.name + ".partial")
    # before anything is read, since files may change meanwhile
    identities = [fingerprint([plan], config) for plan in plans]
    with disk_full_as_named_error(path, _FULL), held_folder(partial):
        _begin(partial, identities, overwrite)
        try:
            records = [_cut(plan, config, partial, i, progress) for i, plan in enumerate(plans)]
        except DiskFullError:
            raise
        except HrpnError as error:
            if not (kept := len(_finished(partial, len(plans)))):
                remove(partial)
                raise
            error.args = (
                f"{error}; {counted(kept, 'finished slide')} of {len(plans)} kept: fix this one "
                "or leave it out, and run the same command again",
            )
            raise
        settings = owned_settings(config)
        if config.normalisation == "slide":
            settings |= normalisation_of(records, config, plans[0].info.dtype)
        manifest = DatasetManifest(
            roles=(*config.inputs, config.target),
            dtype=plans[0].info.dtype.name,
            patch=config.patch,
            stride=config.stride,
            pixel_size_um=float(np.median([plan.pixel_size_um for plan in plans])),
            fingerprint=hashlib.sha256("\n".join(identities).encode()).hexdigest(),
            program=f"hrpn-tf {__version__}",
            slides=tuple(records),
            settings=settings,
        )
        write_json(partial / MANIFEST, manifest)
        move(partial, path, overwrite)  # in place of an older one, if there is one
    _warn_of_fields(records)
    return open_store(path)


def _warn_of_fields(records: Sequence[SlideRecord]) -> None:
    """Warn where Otsu's method split tissue, since there is no background to tell it from."""
    fields = [record for record in records if record.within_tissue]
    if not fields:
        return
    shares = sorted(record.tissue_share for record in fields)
    names = ", ".join(printable(record.name) for record in fields[:_NAMED])
    more = f" and {len(fields) - _NAMED} more" if len(fields) > _NAMED else ""
    logger.warning(
        f"{len(fields)} of {len(records)} slides ({names}{more}) look like fields of view within "
        f"tissue, of which otsu takes {shares[0]:.0%} to {shares[-1]:.0%}; look at picture.png of "
        "each slide in the patch dataset, and if so prepare again with --set "
        "data.tissue.method=all"
    )


def _warn_of_unused(entries: Sequence[SlideEntry], config: DataConfig) -> None:
    """Say of what was given, and has no effect on patches."""
    if any(entry.anchor is not None for entry in entries):
        logger.warning(
            "column 'anchor': patches do not keep it; give this list to hrpn-tf predict to scale "
            "predictions by it"
        )
    if config.reference and config.normalisation == "none":
        logger.warning("data.reference: has no effect without data.normalisation=slide")


def _begin(partial: Path, identities: Sequence[str], overwrite: bool) -> None:
    """Take up what an unfinished store holds of these slides; nothing else stays in the folder.

    Args:
        partial: folder of the unfinished store, which is there.
        identities: of the slides, in order; see ``fingerprint``.
        overwrite: discard what is finished of others.
    """
    mark = partial / _IDENTITIES
    before = read_text(mark, StoreError).split() if mark.is_file() else []
    if before == list(identities):
        _put_back(partial, identities)
        return
    finished = {before[index]: index for index in _finished(partial, len(before))}
    finished |= {each: -1 for each in before if (partial / _KEPT / each).exists()}
    kept = [each for each in identities if each in finished]
    if finished and not kept and not overwrite:
        raise StoreError(
            f"{partial}: an unfinished patch dataset of other slides, of another configuration, or "
            "of an earlier version; give --overwrite to start over"
        )
    # An interruption at any place leaves every kept slide under one of its names, and the next
    # attempt finds it there.
    aside = partial / _KEPT
    aside.mkdir(exist_ok=True)
    for each in kept:
        if not (aside / each).exists():
            slide_folder(partial, finished[each]).rename(aside / each)
    for entry in list(partial.iterdir()):
        if entry not in (aside, mark):
            remove(entry)
    with atomic_path(mark, overwrite=True) as temporary:
        temporary.write_text("\n".join(identities), encoding="utf-8")
    _put_back(partial, identities)


def _put_back(partial: Path, identities: Sequence[str]) -> None:
    """Move kept slides to their places."""
    aside = partial / _KEPT
    for index, each in enumerate(identities):
        if (aside / each).exists():
            slide_folder(partial, index).parent.mkdir(exist_ok=True)
            (aside / each).rename(slide_folder(partial, index))
    remove(aside)


def _finished(partial: Path, slides: int) -> list[int]:
    """Indices of the slides that are cut."""
    return [i for i in range(slides) if (slide_folder(partial, i) / _DONE).is_file()]


def _cut(
    plan: PlannedSlide, config: DataConfig, partial: Path, index: int, progress: bool
) -> SlideRecord:
    """Cut one slide, unless an earlier attempt finished it."""
    folder = slide_folder(partial, index)
    done = folder / _DONE
    with suppress(StoreError):  # a damaged record: cut anew
        if done.is_file():
            return read_slide_record(done)
    remove(folder)
    folder.mkdir(parents=True)
    record = cut_slide(plan, config, folder, progress)
    write_json(done, record)
    return record
