"""What a user states of a network for its publication, in a YAML file (``--about``)."""

import os
from pathlib import Path

from pydantic import Field, ValidationError

from hrpn_tf.config.section import Section
from hrpn_tf.errors import UsageError
from hrpn_tf.text import printable
from hrpn_tf.untrusted import read_yaml

_PICTURES = (".gif", ".jpeg", ".jpg", ".png", ".svg")
_MOST_BYTES = 500_000  # of a cover, by bioimage.io
_ORCID = r"^\d{4}-\d{4}-\d{4}-\d{3}[\dX]$"


class Author(Section):
    """An author of the network."""

    name: str = Field(min_length=1)
    affiliation: str = ""
    email: str = Field("", pattern=r"^$|^[^@\s]+@[^@\s]+$")
    github_user: str = ""
    orcid: str = Field("", pattern=rf"^$|{_ORCID}")


class Maintainer(Author):
    """Somebody who answers questions; bioimage.io reaches them on GitHub."""

    github_user: str = Field(min_length=1)


class Citation(Section):
    """A publication."""

    text: str = Field(min_length=1)
    doi: str = Field(pattern=r"^10\.\d{4,9}/\S+$")


class Publication(Section):
    """What the file states; each key may be left out."""

    description: str = Field("", max_length=512)
    licence: str = ""
    authors: tuple[Author, ...] = ()
    maintainers: tuple[Maintainer, ...] = ()
    tags: tuple[str, ...] = ()
    covers: tuple[Path, ...] = ()
    cite: tuple[Citation, ...] = ()
    repository: str = Field("", pattern=r"^$|^https?://\S+$")


def read_publication(path: Path) -> Publication:
    """Read a file of ``hrpn-tf export --about``; covers are relative to it.

    Raises:
        UsageError: no YAML, an unknown key, a wrong value, or a cover that is no picture of at
            most 500 kB.
    """
    values = read_yaml(path, UsageError)
    if not isinstance(values, dict):
        raise UsageError(f"{path}: expected keys such as authors and tags")
    try:
        found = Publication.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        known = ""
        if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
            known = f" (known: {', '.join(Publication.model_fields)})"
        reason = first["msg"].removeprefix("Value error, ")
        raise UsageError(f"{path}: {printable(where, 80)}: {reason}{known}") from None
    covers = tuple(path.parent / cover for cover in found.covers)
    for cover in covers:
        _check_cover(cover, path)
    return found.model_copy(update={"covers": covers})


def _check_cover(cover: Path, path: Path) -> None:
    if cover.suffix.lower() not in _PICTURES:
        raise UsageError(f"{path}: the cover {cover.name} is none of {', '.join(_PICTURES)}")
    if not cover.is_file():
        raise UsageError(f"{path}: there is no cover {cover}")
    if os.path.getsize(cover) > _MOST_BYTES:
        raise UsageError(f"{path}: the cover {cover.name} is larger than 500 kB")
