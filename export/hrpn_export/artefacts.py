"""Make the artefacts of a bundle one by one, and leave out those that fail."""

import errno
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hrpn_export.boundary import reason_of
from hrpn_export.certify import KERAS, Log
from hrpn_export.contract import Contract
from hrpn_export.errors import BundleError, ExportError, MissingRuntimeError
from hrpn_export.formats import Source, find_format
from hrpn_export.quiet import quiet
from hrpn_export.stored_input import details_of
from hrpn_export.variants import add_variants

# Format and precision.
Key = tuple[str, str]

# Errors of a full disk.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def in_order(artefacts: Sequence[Key]) -> list[Key]:
    """Each artefact once, after the one that it builds on.

    Raises:
        MissingRuntimeError, FormatError: a format does not exist here.
    """
    ordered: list[Key] = []
    for format, precision in artefacts:
        row = find_format(format, precision)
        row.exporter()  # reports a missing package before anything is written
        if row.builds_on is not None and (row.builds_on, precision) not in ordered:
            find_format(row.builds_on).exporter()
            ordered.append((row.builds_on, precision))
        if (format, precision) not in ordered:
            ordered.append((format, precision))
    return ordered


@dataclass(frozen=True)
class Artefacts:
    """What of a bundle is there so far, and what is not.

    Attributes:
        folder: of the bundle.
        paths: of the artefacts that are there.
        details: what ``bundle.json`` says of them besides.
        refused, impossible, failed: see :class:`~hrpn_export.export.Exported`.
    """

    folder: Path
    paths: dict[Key, Path] = field(default_factory=dict)
    details: dict[Key, dict[str, Any]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    impossible: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    def make(self, key: Key, source: Source) -> None:
        """Make an artefact, or note why it cannot be made.

        Raises:
            ExportError: so fails the Keras model, which all others are measured against.
        """
        what = " ".join(key)
        try:
            self.paths[key] = _export(self.folder, key, source)
            self.details[key] = source.details
        except MissingRuntimeError as error:
            self._remove(key)
            self.impossible[what] = str(error)
        except ExportError as error:
            if key == KERAS:
                raise
            self._remove(key)
            self.refused[what] = f"cannot be made: {error}"
            self.failed.append(what)

    def leave_out(self, refused: Mapping[str, str]) -> None:
        """Remove what was refused, by ``format precision``."""
        self.refused.update(refused)
        for key in [key for key in self.paths if " ".join(key) in refused]:
            self._remove(key)
            del self.paths[key]

    def add_variants(
        self, contract: Contract, types: Sequence[str], patches: np.ndarray, log: Log
    ) -> None:
        """Add the variants that take pixels as stored; see :mod:`hrpn_export.variants`."""
        for key, path in self.paths.items():
            found, left_out = add_variants(contract, key, path, types, patches, log)
            self.details[key] |= details_of(found)
            self.refused.update(left_out)
            self.failed.extend(left_out)

    def _remove(self, key: Key) -> None:
        """Remove one precision of a format, and the folder of the format if it is then empty."""
        format, precision = key
        shutil.rmtree(self.folder / format / precision)
        if not any((self.folder / format).iterdir()):
            (self.folder / format).rmdir()


def _export(folder: Path, key: Key, source: Source) -> Path:
    format, precision = key
    place = folder / format / precision
    place.mkdir(parents=True)
    try:
        with quiet():
            return find_format(format).exporter()(source, precision, place)
    except (BundleError, KeyboardInterrupt):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _FULL:
            raise  # no other format would find a place either
        raise ExportError(f"the converter failed: {reason_of(error)}") from error
