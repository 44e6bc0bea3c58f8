"""A bundle as one ``.zip`` file, which is also a bioimage.io package."""

import contextlib
import fcntl
import secrets
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from hrpn_export.errors import BundleError, BundleExistsError, DamagedBundleError
from hrpn_export.manifest import MANIFEST, one_line, read_manifest
from hrpn_export.paths import inside, is_regular, safe_name, sha256_of
from hrpn_export.storing import sync

# Limits of extraction: bytes, files, and bytes per byte of the zip beyond the first ones.
LARGEST, MOST_FILES = 8 * 2**30, 10_000
_RATIO, _FREE = 100, 64 * 2**20
_CHUNK = 2**20
# The oldest time that a zip can store; the time of the export must not change the file.
_TIME = (1980, 1, 1, 0, 0, 0)
_ENCRYPTED = 0x1


def write_zip(folder: Path | str, path: Path | str) -> Path:
    """Write a bundle as a zip with ``bundle.json`` and the files that it lists.

    The same folder gives the same bytes on every machine: names are sorted, times are fixed, and
    nothing is compressed (weights do not compress, and compressors differ).

    Args:
        folder: folder of the bundle.
        path: zip to write.

    Returns:
        ``path``.

    Raises:
        BundleExistsError: ``path`` exists.
        DamagedBundleError: the folder is no bundle, or a file is missing or changed.
        BundleError: the zip cannot be written.

    Example:
        ``open_bundle(write_zip("bundle", "bundle.zip"))``
    """
    folder, path = Path(folder), Path(path)
    if path.exists() or path.is_symlink():
        raise BundleExistsError(f"{path} exists; remove it, or name another file")
    names = checked_names(folder)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_dead(path)
        with _unfinished(path) as unfinished:
            write_stored(unfinished, folder, names)
            sync(unfinished)
            unfinished.rename(path)
            sync(path.parent)
    except OSError as error:
        raise BundleError(f"{path}: cannot be written: {one_line(str(error))}") from None
    return path


def checked_names(folder: Path) -> list[str]:
    """Names of the files of a bundle, each of which is there and as it was exported.

    Raises:
        DamagedBundleError: the folder is no bundle, or a file is missing or changed.
    """
    files = read_manifest(folder).files
    for name, checksum in files.items():
        if not is_regular(inside(folder, name)):
            raise DamagedBundleError(
                f"{folder}: {name} is missing; export again, or copy all of it"
            )
        if sha256_of(inside(folder, name)) != checksum:
            raise DamagedBundleError(f"{folder}: {name} is not as it was exported; export again")
    return sorted({*files, MANIFEST})


@contextlib.contextmanager
def _unfinished(path: Path) -> Iterator[Path]:
    """A name beside a zip, with a lock that tells others that its writer is alive."""
    while True:
        made = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        lock = made.with_suffix(".lock")
        with lock.open("xb") as held:
            try:
                with contextlib.suppress(OSError):  # a drive without locks
                    fcntl.flock(held, fcntl.LOCK_EX)
                if not lock.exists():
                    continue  # taken for a dead one's before it was locked
                yield made
                return
            finally:
                made.unlink(missing_ok=True)
                lock.unlink(missing_ok=True)


def _remove_dead(path: Path) -> None:
    """Remove what killed processes left of a zip: a lock that can be taken is of a dead one."""
    start = f".{path.name}."
    for lock in [each for each in path.parent.iterdir() if each.name.startswith(start)]:
        if lock.suffix != ".lock":
            continue
        with contextlib.suppress(OSError), lock.open("rb+") as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            lock.with_suffix(".part").unlink(missing_ok=True)
            lock.unlink()


def write_stored(path: Path, folder: Path, names: Sequence[str]) -> None:
    """Write files of a folder uncompressed to a new zip, reproducibly.

    Raises:
        DamagedBundleError: a name leads out of the folder.
        OSError: the zip exists or cannot be written, or a file is missing.
    """
    with zipfile.ZipFile(path, "x", zipfile.ZIP_STORED) as archive:
        for name in names:
            _add(archive, folder, name)


def _add(archive: zipfile.ZipFile, folder: Path, name: str) -> None:
    source = inside(folder, name)
    entry = zipfile.ZipInfo(name, _TIME)
    entry.create_system = 3  # Unix, on every machine
    entry.external_attr = (stat.S_IFREG | 0o644) << 16
    entry.file_size = source.stat().st_size  # decides whether the entry needs 64-bit sizes
    with source.open("rb") as file, archive.open(entry, "w") as target:
        shutil.copyfileobj(file, target, _CHUNK)


def extract(path: Path, *, largest: int = LARGEST) -> Path:
    """Extract the zip of a bundle to a new temporary folder; the caller removes the folder.

    Args:
        path: zip to extract; it need not be trusted.
        largest: largest number of bytes to extract.

    Raises:
        DamagedBundleError: it is no zip, is too large, or has links, encrypted parts, two files
            with the same name, or a name that leads out of the folder.
        BundleError: it cannot be extracted, for want of space for example.
    """
    folder = Path(tempfile.mkdtemp(prefix="bundle-"))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, True)
        try:
            with zipfile.ZipFile(path) as archive:
                _extract_all(archive, path, folder, largest)
        # zlib's own errors and those of unknown methods are no subclasses of BadZipFile
        except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError) as error:
            raise DamagedBundleError(
                f"{path}: no zip of a bundle: {one_line(str(error))}"
            ) from None
        except (RuntimeError, ValueError, zlib.error) as error:
            raise DamagedBundleError(f"{path}: cannot be read: {one_line(str(error))}") from None
        except OSError as error:
            raise BundleError(f"{path}: cannot be extracted: {one_line(str(error))}") from None
        stack.pop_all()
    return folder


def _extract_all(archive: zipfile.ZipFile, path: Path, folder: Path, largest: int) -> None:
    entries = archive.infolist()
    if len(entries) > MOST_FILES:
        raise DamagedBundleError(f"{path}: holds {len(entries)} files, which is no bundle")
    allowed = min(largest, _FREE + _RATIO * path.stat().st_size)
    declared = sum(entry.file_size for entry in entries)
    if declared > allowed:
        raise DamagedBundleError(
            f"{path}: would take {declared} bytes, and {allowed} are allowed; "
            "extract it yourself if you trust it, and open the folder"
        )
    files = [(entry, _checked_name(entry, path)) for entry in entries if not _is_folder(entry)]
    # some file systems do not distinguish names that differ in case only
    if len({name.lower() for _, name in files}) < len(files):
        raise DamagedBundleError(f"{path}: holds two files of one name")
    for entry, name in files:
        target = folder / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(entry) as source, target.open("xb") as file:
                allowed -= _copy(source, file, allowed, path)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            raise DamagedBundleError(f"{path}: {name} is a file and a folder") from None


def _is_folder(entry: zipfile.ZipInfo) -> bool:
    """Whether an entry is an empty folder; folders are created where files need them."""
    return entry.is_dir() and entry.file_size == 0


def _checked_name(entry: zipfile.ZipInfo, path: Path) -> str:
    # zipfile cuts a name at a NUL and changes separators, so check the original name
    try:
        name = safe_name(entry.orig_filename)
    except DamagedBundleError as error:
        raise DamagedBundleError(f"{path}: {error}") from None
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        raise DamagedBundleError(f"{path}: {name} is a link or no file; a bundle holds none")
    if entry.flag_bits & _ENCRYPTED:
        raise DamagedBundleError(f"{path}: {name} is encrypted")
    return name


def _copy(source: IO[bytes], target: IO[bytes], allowed: int, path: Path) -> int:
    """Copy up to ``allowed`` bytes, whatever size the zip declares; returns their number."""
    copied = 0
    while chunk := source.read(_CHUNK):
        copied += len(chunk)
        if copied > allowed:
            raise DamagedBundleError(f"{path}: is larger than it says")
        target.write(chunk)
    return copied
