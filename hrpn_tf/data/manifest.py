"""The manifest of a store: records of its slides, as JSON."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from hrpn_tf.data.moments import ChannelMoments
from hrpn_tf.errors import StoreError, StoreNotFoundError
from hrpn_tf.files import atomic_path
from hrpn_tf.kinds import refuse_other_kind
from hrpn_tf.untrusted import read_json

SCHEMA = 2  # raised when a store written before can no longer be read
MANIFEST = "manifest.json"
SIMULATED = "simulated.json"  # in its place in a dataset that grows; see data/simulated.py
Record = TypeVar("Record")
_LARGEST = 512 * 2**20  # some tens of millions of patches
_CHECKED = with_config(ConfigDict(extra="forbid", allow_inf_nan=False))


@_CHECKED
@dataclass(frozen=True)
class SlideRecord:
    """One slide of the store.

    Attributes:
        name: as in the slide list.
        group: what is split by.
        path: where the slide was read from.
        channels: role: channel as the slide list or the configuration names it.
        height: px.
        width: px.
        pixel_size_um: um per pixel.
        tissue_share: share of the slide that is tissue, 0 to 1.
        moments: role: grey levels over tissue pixels.
        corners: y, x of each patch, px, in the order of storage.
        shares: share of each patch that is tissue.
        levels: role of an input: dark and bright level; None where inputs are not normalised.
        within_tissue: whether tissue was found by Otsu's method in what looks like a field of view
            without background; see :func:`hrpn_tf.data.tissue.lies_within_tissue`.
    """

    name: str
    group: str
    path: str
    channels: Mapping[str, str | int]
    height: int
    width: int
    pixel_size_um: float
    tissue_share: float
    moments: Mapping[str, ChannelMoments]
    corners: tuple[tuple[int, int], ...]
    shares: tuple[float, ...]
    levels: Mapping[str, tuple[float, float]] | None = None
    within_tissue: bool = False


@_CHECKED
@dataclass(frozen=True)
class DatasetManifest:
    """The whole store; ``dtype`` is the numpy name of the slides' type.

    ``fingerprint`` names the slides and the configuration: equal means the same patches.
    ``settings`` is the section ``data`` of the configuration that shaped the patches, as plain
    values; None in stores of earlier versions.
    """

    roles: tuple[str, ...]
    dtype: str
    patch: int
    stride: int
    pixel_size_um: float
    fingerprint: str
    program: str
    slides: tuple[SlideRecord, ...]
    schema: int = SCHEMA
    settings: Mapping[str, Any] | None = None


def slide_folder(store: Path, index: int) -> Path:
    """Folder of the slide at this place of the slide list."""
    return store / "slides" / f"{index:04d}"


def write_json(path: Path, record: SlideRecord | DatasetManifest) -> None:
    """Write a record to its final name only when it is complete."""
    with atomic_path(path, overwrite=True) as temporary:
        temporary.write_text(json.dumps(asdict(record)), encoding="utf-8")


@cache
def _reader(kind: type[Record]) -> TypeAdapter[Record]:
    """Made once: it takes a hundred times as long as a record."""
    return TypeAdapter(kind)


def read_slide_record(path: Path) -> SlideRecord:
    """Read what :func:`write_json` wrote of one slide.

    Raises:
        StoreError: it is damaged.
    """
    try:
        return _reader(SlideRecord).validate_python(read_json(path, StoreError, _LARGEST))
    except ValidationError:
        raise StoreError(f"{path}: damaged; run hrpn-tf prepare again with --overwrite") from None


def identity_file(store: Path) -> Path:
    """The file of a patch dataset whose checksum tells it from all others."""
    simulated = store / SIMULATED
    return simulated if os.path.lexists(simulated) else store / MANIFEST


def refuse_no_store(store: Path) -> None:
    """Raise unless there is a finished store; nothing of it is read.

    Raises:
        WrongKindError: something else is there; says what to do.
        StoreNotFoundError: no store there, or an unfinished one.
    """
    refuse_other_kind(store, "patch dataset")
    if not os.path.lexists(identity_file(store)):
        raise StoreNotFoundError(
            f"{store}: no finished patch dataset there; run hrpn-tf prepare again"
        )


def read_manifest(store: Path) -> DatasetManifest:
    """Read the manifest of a finished store.

    Raises:
        WrongKindError, StoreNotFoundError: no store there.
        StoreError: not finished, damaged, or of another schema.
    """
    refuse_no_store(store)
    path = store / MANIFEST
    again = "run hrpn-tf prepare again"
    try:
        values = read_json(path, StoreError, _LARGEST)
    except StoreError as error:
        raise StoreError(f"{error}: damaged; {again} with --overwrite") from None
    try:
        if values["schema"] != SCHEMA:
            raise StoreError(
                f"{store}: the patch dataset has schema {values['schema']}, this program reads "
                f"{SCHEMA}; {again} with --overwrite"
            )
        return _reader(DatasetManifest).validate_python(values)
    except (ValueError, TypeError, KeyError):
        raise StoreError(f"{path}: damaged; {again} with --overwrite") from None


def patch_table(slides: tuple[SlideRecord, ...]) -> np.ndarray:
    """One row per patch: ``slide``, ``group`` (str), ``y``, ``x`` (px), ``share`` of tissue."""
    names = max(len(slide.name) for slide in slides)
    groups = max(len(slide.group) for slide in slides)
    fields = [("slide", f"U{names}"), ("group", f"U{groups}")]
    fields += [("y", "i8"), ("x", "i8"), ("share", "f4")]
    rows = [
        (slide.name, slide.group, y, x, share)
        for slide in slides
        for (y, x), share in zip(slide.corners, slide.shares, strict=True)
    ]
    return np.array(rows, dtype=fields)
