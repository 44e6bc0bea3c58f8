"""What a bundle states about its model beyond the contract."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class About:
    """Description of a model for its bundle.

    Attributes:
        name: name of the model; must be a valid file name.
        licence: licence of the weights, an SPDX identifier.
        unit: unit of every output.
        program: name and version of the exporting program.
        provenance: where the model comes from; any values that JSON can hold.
        authors: names, for the bioimage.io description.
        description: one sentence.
        files: maps a name in the bundle to a file that is copied there unchanged, for programs
            that know it; the manifest lists its checksum like any other.

    Example:
        >>> About("hrpn-m", licence="CC-BY-4.0", authors=("A. Author",)).unit
        'grey level'
    """

    name: str
    licence: str = "LicenseRef-not-stated"
    unit: str = "grey level"
    program: str = "hrpn_export"
    provenance: Mapping[str, Any] = field(default_factory=dict)
    authors: tuple[str, ...] = ()
    description: str = ""
    files: Mapping[str, Path] = field(default_factory=dict)
