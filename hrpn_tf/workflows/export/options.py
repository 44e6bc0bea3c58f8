"""What can be chosen for an export."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hrpn_tf.prediction import Region


@dataclass(frozen=True)
class ExportOptions:
    """What is exported, and how.

    Attributes:
        formats: names; empty for all that this machine can make.
        precisions: names; empty for all that the formats have.
        format_options: options of formats, by name of the format.
        licence: of the weights, an SPDX identifier; None if nobody states one.
        authors: names.
        region: of the held-out slide that formats are measured on, px; None for all of it.
        slides: slide list, where the slides are not where the patch dataset found them; None for
            there.
        store: patch dataset, where it is not where the run was fitted; None for there.
        uncertified: keep formats that miss their limit.
        zip: write the bundle as a .zip, too.
        intervals: the calibrated network, or the trained one; None for the calibrated one where
            there is one.
    """

    formats: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ()
    format_options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    licence: str | None = None
    authors: tuple[str, ...] = ()
    region: "Region | None" = None
    slides: Path | None = None
    store: Path | None = None
    uncertified: bool = False
    zip: bool = False
    intervals: bool | None = None
