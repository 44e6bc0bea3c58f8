"""Fetch weights by their address; only if the user asks, and only what a checksum pins."""

import shutil
import tempfile
from pathlib import Path
from typing import BinaryIO
from urllib.parse import SplitResult, unquote, urlsplit

from hrpn_tf.errors import ChecksumError, DownloadError, UsageError, WeightsError
from hrpn_tf.extras import require
from hrpn_tf.files import atomic_path, refuse_existing, sha256
from hrpn_tf.text import printable
from hrpn_tf.weights.catalogue import Catalogue, weights_in
from hrpn_tf.weights.entry import MANIFEST, WeightsEntry, checked_name, checked_sha256

# Networks of this program take some megabytes.
_MOST_BYTES = 2**30


def fetch_weights(
    name: str,
    url: str | None = None,
    checksum: str | None = None,
    *,
    catalogue: Catalogue | None = None,
    overwrite: bool = False,
    progress: bool = False,
) -> Path:
    """Fetch weights into the user's folder.

    Args:
        name: under which they are known afterwards, and which the zip states.
        url: address of a zip, ``https://`` or ``file://``; None for that of the registry.
        checksum: SHA-256 of this zip, 64 hexadecimal digits.
        catalogue: of the weights that are known; the usual one if None.
        overwrite: replace weights of this name.
        progress: show a bar.

    Returns:
        The folder of the weights.

    Raises:
        UsageError: an address without checksum, or of another kind; a name that is none.
        UnknownWeightsError: no address is given, and none is known.
        ChecksumError: what was fetched has another checksum; it is removed.
        DownloadError: nothing can be fetched.
        WeightsError: the zip holds no weights, or others.
        OutputExistsError: they are there, and ``overwrite`` is false.
    """
    catalogue = catalogue or Catalogue()
    final = catalogue.user / checked_name(name)
    if (catalogue.package / name / MANIFEST).is_file():
        raise UsageError(f"{name}: comes with hrpn-tf; give other weights another name")
    url, checksum = _address(name, url, checksum, catalogue)
    refuse_existing(final, overwrite)
    with tempfile.TemporaryDirectory(prefix="hrpn-weights-") as scratch:
        archive = _fetched(url, checksum, Path(scratch), progress)
        _unpack(archive, final, name, overwrite)
    return final


def _address(
    name: str, url: str | None, checksum: str | None, catalogue: Catalogue
) -> tuple[str, str]:
    """The address and checksum of a zip; those of the registry if none is given."""
    if url is None:
        if checksum is not None:
            raise UsageError("--sha256: is for --url, which was not given")
        entry = catalogue.entry(name)
        if entry.url is None or entry.url_sha256 is None:
            raise UsageError(f"{name}: no address is known; give --url and --sha256")
        return entry.url, entry.url_sha256
    kind = _parts(url).scheme.lower()
    if kind not in ("https", "file"):
        raise UsageError(f"--url {printable(url, 200)}: only https:// and file:// are fetched")
    if checksum is None:
        raise UsageError(
            f"--url {printable(url, 200)}: needs --sha256, the checksum that its owner published; "
            "nothing is fetched without"
        )
    return url, checked_sha256(checksum)


def _parts(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as problem:
        raise UsageError(f"{printable(url, 200)}: no address: {problem}") from None


def _fetched(url: str, checksum: str, scratch: Path, progress: bool) -> Path:
    """Fetch a file, and check it; the caller removes the folder."""
    archive = scratch / "weights.zip"
    address = _parts(url)
    if address.scheme.lower() == "file":
        source = Path(unquote(address.path))
        if address.netloc not in ("", "localhost") or not source.is_file():
            raise UsageError(f"{printable(url, 200)}: no such file on this machine")
        shutil.copyfile(source, archive)
    else:
        _download(url, archive, progress)
    if (found := sha256(archive)) != checksum:
        raise ChecksumError(
            f"{printable(url, 200)}: has the checksum {found}, not {checksum}; it was not kept: "
            "another file than the one that was published, or damaged on the way"
        )
    return archive


def _download(url: str, archive: Path, progress: bool) -> None:
    require("fetching", "pooch")
    import pooch
    from requests.exceptions import RequestException

    download = pooch.HTTPDownloader(progressbar=progress, timeout=60)
    try:
        with archive.open("wb") as file:
            download(url, _Limited(file, url), None)
    except (RequestException, OSError, ValueError) as error:
        raise DownloadError(
            f"{printable(url, 200)}: cannot be fetched: {printable(error, 200)}"
        ) from None


class _Limited:
    """A file that takes no more than weights may hold, whatever a server sends."""

    def __init__(self, file: BinaryIO, url: str) -> None:
        self._file, self._url, self._left = file, url, _MOST_BYTES

    def write(self, data: bytes) -> None:
        """Write what is left room for.

        Raises:
            DownloadError: there is more.
        """
        self._left -= len(data)
        if self._left < 0:
            raise DownloadError(
                f"{printable(self._url, 200)}: is larger than weights may be "
                f"({_MOST_BYTES / 1e6:.0f} MB); it was not kept"
            )
        self._file.write(data)

    def flush(self) -> None:
        """Write out what is buffered."""
        self._file.flush()


def _unpack(archive: Path, final: Path, name: str, overwrite: bool) -> WeightsEntry:
    """Unpack a zip of weights; they appear whole or not at all."""
    from hrpn_export.archive import extract
    from hrpn_export.errors import BundleError

    try:
        folder = extract(archive, largest=_MOST_BYTES)
    except BundleError as error:
        raise WeightsError(f"{name}: {printable(error, 200)}") from None
    try:
        entry = weights_in(folder)
        if entry is None:
            raise WeightsError(f"{name}: the zip holds no weights (no {MANIFEST} in it)")
        if entry.name != name:
            raise WeightsError(f"{name}: the zip holds the weights {entry.name}; add them as that")
        entry.check_files(folder)
        with atomic_path(final, overwrite) as temporary:
            temporary.mkdir()
            for each in (*entry.files, MANIFEST):  # and nothing else that the zip may hold
                shutil.copyfile(folder / each, temporary / each)
        return entry
    finally:
        shutil.rmtree(folder, ignore_errors=True)
