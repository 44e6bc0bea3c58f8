"""Names of files in a bundle: none may lead out of it."""

import hashlib
import os
import re
import stat
from pathlib import Path

from hrpn_export.errors import DamagedBundleError

_CHUNK = 2**20
# Letters and what a file name of ours may hold besides; no control characters, no \, no drive.
_PART = re.compile(r"[A-Za-z0-9_+=@-][A-Za-z0-9_.+=@-]*")
_LONGEST = 255
# Windows opens these as devices, with any suffix.
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def safe_name(name: object) -> str:
    """A name of a file in a bundle, if it is one.

    Args:
        name: relative, parts joined by ``/``.

    Raises:
        DamagedBundleError: it is absolute, climbs, is hidden or reserved, or holds other
            characters than names here have.
    """
    if not isinstance(name, str) or len(name) > _LONGEST or not all(map(_fine, name.split("/"))):
        raise DamagedBundleError(f"{repr(name)[:80]} is no name of a file in a bundle")
    return name


def _fine(part: str) -> bool:
    good = _PART.fullmatch(part) is not None and not part.endswith(".")
    return good and _DEVICES.fullmatch(part) is None


def inside(root: Path, name: str) -> Path:
    """The path of a file or folder of a bundle; no link on the way is followed.

    Raises:
        DamagedBundleError: the name leads out, or a link is on the way.
    """
    path = root
    for part in safe_name(name).split("/"):
        path = path / part
        if path.is_symlink():
            raise DamagedBundleError(f"{root}: {name} is a link; a bundle holds none")
    return path


def is_regular(path: Path) -> bool:
    """Whether a path is a file itself: no link, folder, device or pipe (which never ends)."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def sha256_of(path: Path) -> str:
    """Checksum of a file, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def files_below(root: Path) -> list[str]:
    """Names of all files of a folder and of its folders, sorted, links included."""
    found = []
    for folder, folders, names in os.walk(root):
        linked = [name for name in folders if (Path(folder) / name).is_symlink()]
        found += [(Path(folder) / name).relative_to(root).as_posix() for name in (*names, *linked)]
    return sorted(found)
