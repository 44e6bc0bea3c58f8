"""Options of an export."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hrpn_tf.prediction import Region


@dataclass(frozen=True)
class ExportOptions:
    """Formats and certification of an export.

    Attributes:
        formats: names of formats; empty for all that this machine can make.
        precisions: names of precisions; empty for all that the formats support.
        format_options: options of formats, by name of the format.
        licence: licence of the weights, an SPDX identifier; None if unknown.
        authors: names of the authors.
        about: YAML file with authors, tags, covers and more; see ``read_publication``.
        region: region of the held-out slide for the certification, px; None for the whole slide.
        slides: list of the held-out slides; None for the paths recorded in the patch dataset.
        store: patch dataset; None for the path recorded in the run.
        uncertified: keep formats that fail certification.
        zip: also write the bundle as a .zip.
        intervals: whether to export the calibrated network; None to export it if there is one.
        triton: also write a model repository of Triton, ``OUT-triton``.
        input_types: ``uint8`` or ``uint16``, for variants that take pixels as stored.
    """

    formats: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ()
    format_options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    licence: str | None = None
    authors: tuple[str, ...] = ()
    about: Path | None = None
    region: "Region | None" = None
    slides: Path | None = None
    store: Path | None = None
    uncertified: bool = False
    zip: bool = False
    intervals: bool | None = None
    input_types: tuple[str, ...] = ()
    triton: bool = False
