"""Names of files in a bundle, none of which may lead out of it."""

import hashlib
import os
import re
import stat
from pathlib import Path

from hrpn_export.errors import DamagedBundleError

_CHUNK = 2**20
# The characters of file names in a bundle: no control characters, no \, no drive.
_PART = re.compile(r"[A-Za-z0-9_+=@-][A-Za-z0-9_.+=@-]*")
_LONGEST = 255
# Windows opens these as devices, with any suffix.
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def safe_name(name: object) -> str:
    """Check the name of a file in a bundle.

    Args:
        name: relative path, parts joined by ``/``.

    Returns:
        The name.

    Raises:
        DamagedBundleError: the name is absolute, leads out, is hidden or reserved, or has
            characters that are not allowed.
    """
    if not isinstance(name, str) or len(name) > _LONGEST or not all(map(_fine, name.split("/"))):
        raise DamagedBundleError(f"{repr(name)[:80]} is no name of a file in a bundle")
    return name


def _fine(part: str) -> bool:
    good = _PART.fullmatch(part) is not None and not part.endswith(".")
    return good and _DEVICES.fullmatch(part) is None


def inside(root: Path, name: str) -> Path:
    """The path of a file or folder of a bundle; links are refused.

    Raises:
        DamagedBundleError: the name leads out of the bundle, or a part of it is a link.
    """
    path = root
    try:
        parts = safe_name(name).split("/")
    except DamagedBundleError as error:
        raise DamagedBundleError(f"{root}: {error}") from None
    for part in parts:
        path = path / part
        if path.is_symlink():
            raise DamagedBundleError(f"{root}: {name} is a link; a bundle holds none")
    return path


def is_regular(path: Path) -> bool:
    """Whether a path is a regular file: no link, folder, device or pipe (which never ends)."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def files_below(root: Path) -> list[str]:
    """Names of all files below a folder, sorted, links included."""
    found = []
    for folder, folders, names in os.walk(root):
        linked = [name for name in folders if (Path(folder) / name).is_symlink()]
        found += [(Path(folder) / name).relative_to(root).as_posix() for name in (*names, *linked)]
    return sorted(found)
