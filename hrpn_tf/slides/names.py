"""Names of slides and groups: how they are shown, compared, and made names of files."""

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from hrpn_tf.errors import UsageError
from hrpn_tf.text import printable

# Some file systems and shells give these a meaning of their own.
_SPECIAL = re.compile(r'[/\\<>:"|?*]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_LONGEST = 120  # bytes; names of files have 255 at most, and a suffix follows
_DIGITS = 8  # of the checksum that keeps two names apart which are made safe alike


def slide_name(slide: Path) -> str:
    """Name of a slide for which none is given: ``01`` of ``01.ome.tif``; that of a folder."""
    if os.path.isdir(slide):  # unlike Path.is_dir, also for names that no file can have
        name = slide.resolve().name.removesuffix(".zarr").removesuffix(".ome")
    else:
        name = slide.name.removesuffix(slide.suffix).removesuffix(".ome")
    return printable(name)


def file_stem(name: str) -> str:
    """The name of a slide, group or channel as the beginning of a file's name.

    Ordinary names stay as they are. Of others, a character that leads to another folder, hides the
    file, makes it look like an option, or is not allowed everywhere becomes a dash; long names are
    cut; and a checksum is added, so that two names never lead to the same file.

    Example:
        >>> file_stem("mouse 1 (left)"), file_stem("../a")
        ('mouse 1 (left)', 'a-61b4c98b')
    """
    safe = "".join(c if c.isprintable() else "-" for c in _SPECIAL.sub("-", name))
    safe = safe.encode()[:_LONGEST].decode(errors="ignore").lstrip(" .-~").rstrip(" .")
    if _RESERVED.fullmatch(safe):
        safe = f"{safe}-"
    if safe == name and name:
        return name
    checksum = hashlib.sha256(name.encode(errors="backslashreplace")).hexdigest()[:_DIGITS]
    return f"{safe or 'unnamed'}-{checksum}"


def lookalike(name: str, others: Iterable[str]) -> str | None:
    """The first of other names that differs only by case, white space or Unicode form, or None.

    Example:
        >>> lookalike("M1 ", ["m2", "m1"]), lookalike("m1", ["m1", "m2"])
        ('m1', None)
    """
    key = comparable(name)
    return next((other for other in others if other != name and comparable(other) == key), None)


def comparable(name: str) -> str:
    """What two names have in common that a reader takes for the same."""
    seen = "".join(
        c for c in unicodedata.normalize("NFKC", name) if unicodedata.category(c) != "Cf"
    )
    return unicodedata.normalize("NFKC", " ".join(seen.casefold().split()))


def is_file_name(name: str) -> bool:
    """Whether a name can be that of a file in a folder: it is not empty, and leads nowhere else."""
    return name not in ("", ".", "..") and "\0" not in name and Path(name).name == name


def refuse_bad_name(name: str) -> None:
    """Refuse the name of a slide that cannot be that of a file: results are named after it.

    Raises:
        UsageError: it is empty, a step up or down in folders, or holds a slash or a NUL.
    """
    if not is_file_name(name):
        raise UsageError(
            f"the slide name '{printable(name)}' cannot be a file name; change it in the list"
        )
