"""What a bundle states about its model beyond the contract."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Person:
    """An author or maintainer, for the bioimage.io description; "" where nothing is stated.

    Attributes:
        name: of the person.
        affiliation, email: of an author.
        github_user: which bioimage.io wants of maintainers.
        orcid: ``0000-0000-0000-0000``.
    """

    name: str
    affiliation: str = ""
    email: str = ""
    github_user: str = ""
    orcid: str = ""


@dataclass(frozen=True)
class About:
    """Description of a model for its bundle.

    Attributes:
        name: name of the model; must be a valid file name.
        licence: licence of the weights, an SPDX identifier.
        unit: unit of every output.
        program: name and version of the exporting program.
        provenance: where the model comes from; any values that JSON can hold.
        authors: names or persons, for the bioimage.io description, as is what follows.
        maintainers: persons with a ``github_user``.
        tags: besides those that every model has.
        covers: pictures, copied into the bundle; without any, one is made of the example.
        cite: publications, each with ``text`` and ``doi``.
        repository: address of the source code.
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
    authors: tuple[str | Person, ...] = ()
    maintainers: tuple[Person, ...] = ()
    tags: tuple[str, ...] = ()
    covers: tuple[Path, ...] = ()
    cite: tuple[Mapping[str, str], ...] = ()
    repository: str = ""
    description: str = ""
    files: Mapping[str, Path] = field(default_factory=dict)
