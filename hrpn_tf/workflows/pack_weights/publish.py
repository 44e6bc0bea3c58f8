"""Enter weights into a registry, or write them as one file to be fetched."""

from dataclasses import replace
from pathlib import Path

from hrpn_tf.errors import WeightsError
from hrpn_tf.files import atomic_path, sha256
from hrpn_tf.weights import MANIFEST, WeightsEntry, weights_in
from hrpn_tf.weights.catalogue import read_registry, write_registry


def register(
    root: Path, name: str, url: str | None = None, url_sha256: str | None = None
) -> WeightsEntry:
    """Enter the weights ``ROOT/NAME`` into ``ROOT/registry.json``.

    Args:
        root: folder of the registry and of the weights.
        name: of the weights.
        url, url_sha256: address and checksum of their zip, see :func:`write_archive`; with them
            the folder need not be shipped.

    Raises:
        WeightsError: there are no such weights, or they or the registry are damaged.
    """
    entry = weights_in(root / name)
    if entry is None or entry.name != name:
        raise WeightsError(f"{root / name}: no weights of this name")
    entry.check_files(root / name)
    entry = WeightsEntry.from_json(replace(entry, url=url, url_sha256=url_sha256).to_json(), name)
    write_registry(root, {**read_registry(root), name: entry})
    return entry


def write_archive(folder: Path, path: Path, *, overwrite: bool = False) -> str:
    """Write a folder of weights as one zip, which ``hrpn-tf weights --add`` fetches.

    The same folder gives the same bytes.

    Returns:
        SHA-256 of the zip.

    Raises:
        WeightsError: the folder holds no weights, or damaged ones.
        OutputExistsError: ``path`` exists, and ``overwrite`` is false.
    """
    from hrpn_export.archive import write_stored

    entry = weights_in(folder)
    if entry is None:
        raise WeightsError(f"{folder}: no weights (no {MANIFEST} in it)")
    entry.check_files(folder)
    with atomic_path(path, overwrite) as temporary:
        write_stored(temporary, folder, sorted([*entry.files, MANIFEST]))
    return sha256(path)
