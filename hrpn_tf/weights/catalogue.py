"""The weights that are known: those of the package, and those that the user fetched."""

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

from hrpn_tf.errors import UnknownWeightsError, WeightsError
from hrpn_tf.files import atomic_path
from hrpn_tf.text import printable
from hrpn_tf.untrusted import read_json, read_text
from hrpn_tf.weights.entry import CARD, MANIFEST, WeightsEntry, is_name

logger = logging.getLogger(__name__)

REGISTRY = "registry.json"
# Variable of the environment that names another folder for weights that are fetched.
VARIABLE = "HRPN_TF_WEIGHTS"
_REGISTRY_SCHEMA = "hrpn-tf weights registry 1"


def package_folder() -> Path:
    """Where the weights of the package are."""
    return Path(__file__).parent


def user_folder() -> Path:
    """Where weights are fetched to: ``$HRPN_TF_WEIGHTS``, or below the user's data."""
    if own := os.environ.get(VARIABLE):
        return Path(own)
    stated = os.environ.get("XDG_DATA_HOME", "")
    # not Path.home(), which raises for an unknown user, as of some containers
    data = stated if os.path.isabs(stated) else os.path.expanduser("~/.local/share")
    return Path(data) / "hrpn-tf" / "weights"


@dataclass(frozen=True)
class Catalogue:
    """All weights that are known, by name; read once, when first needed.

    Attributes:
        package: folder with the registry of the package, and its weights.
        user: folder of what was fetched, which need not be there.
    """

    package: Path = field(default_factory=lambda: package_folder())
    user: Path = field(default_factory=lambda: user_folder())

    @cached_property
    def entries(self) -> dict[str, WeightsEntry]:
        """Entry of each name, sorted. The registry of the package comes before what was fetched.

        Fetched weights that are damaged are left out with a warning.

        Raises:
            WeightsError: the registry of the package is damaged.
        """
        found = {**dict(self._fetched()), **read_registry(self.package)}
        return dict(sorted(found.items()))

    def folder(self, name: str) -> Path | None:
        """The folder of weights, which is not looked into; None if it is not on this machine."""
        places = (self.package / name, self.user / name)
        return next((path for path in places if (path / MANIFEST).is_file()), None)

    def entry(self, name: str) -> WeightsEntry:
        """What is known of a name.

        Raises:
            UnknownWeightsError: nothing; names the nearest name.
        """
        if name not in self.entries:
            raise UnknownWeightsError(f"{printable(name, 80)}: no weights of this name; "
                                      f"{self._hint(name)}")  # fmt: skip
        return self.entries[name]

    def installed(self, name: str) -> Path:
        """The folder of weights, whose files are as they were made.

        Raises:
            UnknownWeightsError: there are none of this name, or they are not fetched.
            WeightsError: they are damaged, of another version, or not those of the registry.
        """
        entry, folder = self.entry(name), self.folder(name)
        if folder is None:
            raise UnknownWeightsError(
                f"{name}: these weights are not on this machine; fetch them with: hrpn-tf weights "
                f"--add {name}"
            )
        own = weights_in(folder)
        assert own is not None
        if own.files != entry.files:
            raise WeightsError(
                f"{folder}: not the {name} of this hrpn-tf; fetch it again with: hrpn-tf weights "
                f"--add {name} --overwrite"
            )
        entry.check_files(folder)
        return folder

    def card(self, name: str) -> str | None:
        """The model card of weights; None if they are not on this machine.

        Raises:
            UnknownWeightsError, WeightsError: see :meth:`installed`.
        """
        if self.entry(name) and self.folder(name) is None:
            return None
        return read_text(self.installed(name) / CARD, WeightsError)

    def near(self, name: str) -> str | None:
        """The name that is meant, probably."""
        return next(iter(get_close_matches(name, self.entries, 1)), None)

    def _hint(self, name: str) -> str:
        if near := self.near(name):
            return f"did you mean {near}? (hrpn-tf weights lists them)"
        if not self.entries:
            return (
                "this hrpn-tf comes without any; fetch some with: hrpn-tf weights --add NAME --url "
                "URL --sha256 HEX"
            )
        return f"there are {', '.join(self.entries)}"

    def _fetched(self) -> Iterator[tuple[str, WeightsEntry]]:
        for path in sorted(self.user.glob(f"*/{MANIFEST}")):
            try:
                entry = weights_in(path.parent)
            except WeightsError as error:
                logger.warning(f"{error}; left out")
                continue
            if entry is not None and entry.name == path.parent.name:
                yield entry.name, entry


def weights_in(folder: Path) -> WeightsEntry | None:
    """What a folder says that its weights are; None if it holds none.

    Raises:
        WeightsError: what it says is damaged, or of another version.
    """
    path = folder / MANIFEST
    return WeightsEntry.from_json(read_json(path, WeightsError), path) if path.is_file() else None


def weights_or_path(where: str | Path) -> Path:
    """Where a network is that is named by its path or by a name of weights.

    A file or folder of the name comes first.

    Raises:
        UnknownWeightsError: there is no such file or folder, and the name is nearly one of weights,
            or one of weights that are not fetched.
        WeightsError: the weights are damaged.
    """
    path, name = Path(where), str(where)
    if not is_name(name):
        return path
    catalogue = Catalogue()
    if os.path.lexists(path):
        if name in catalogue.entries:
            logger.warning(
                f"{name}: the one in this folder is used, not the weights of this name; for these, "
                "run the command in another folder"
            )
        return path
    if name in catalogue.entries:
        return catalogue.installed(name)
    if near := catalogue.near(name):
        raise UnknownWeightsError(
            f"{name}: no such run, bundle or Keras file, nor weights of this name; did you mean "
            f"{near}? (hrpn-tf weights lists them)"
        )
    return path


def read_registry(folder: Path) -> dict[str, WeightsEntry]:
    """The entries of ``registry.json``, by name.

    Raises:
        WeightsError: it is missing, damaged, or of another version.
    """
    path = folder / REGISTRY
    values = read_json(path, WeightsError)
    stated = values.get("weights") if isinstance(values, dict) else None
    if not isinstance(stated, dict) or values.get("schema") != _REGISTRY_SCHEMA:
        raise WeightsError(f"{path}: damaged, or of another version; install hrpn-tf again")
    entries = {name: WeightsEntry.from_json(value, f"{path}: {printable(name, 80)}")
               for name, value in stated.items()}  # fmt: skip
    for name, entry in entries.items():
        if entry.name != name:
            raise WeightsError(f"{path}: damaged: {printable(name, 80)} is named {entry.name}")
    return entries


def write_registry(folder: Path, entries: dict[str, WeightsEntry]) -> None:
    """Write ``registry.json``; see :func:`read_registry`."""
    weights = {name: entries[name].to_json() for name in sorted(entries)}
    text = json.dumps({"schema": _REGISTRY_SCHEMA, "weights": weights}, indent=2) + "\n"
    with atomic_path(folder / REGISTRY, overwrite=True) as temporary:
        temporary.write_text(text, encoding="utf-8")
