"""What is known of weights: the entry of a name in the registry, and in the folder itself."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from hrpn_tf.errors import UsageError, WeightsError
from hrpn_tf.files import sha256
from hrpn_tf.text import printable

SCHEMA = "hrpn-tf weights 1"
MANIFEST = "weights.json"  # in the folder of the weights
CARD = "card.md"
SIMULATIONS, SLIDES = "simulations", "slides"  # what weights were trained on

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_HEX = re.compile(r"[0-9a-f]{64}")
# No path, so that nothing outside of the folder can be named.
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


@dataclass(frozen=True)
class Entry:
    """What is known of weights.

    Attributes:
        name: lower-case letters, digits and hyphens.
        preset: of the network.
        inputs, outputs: channels, in order.
        pixel_size_um: of the slides that it was trained on, um.
        pixel_sizes_um: finest and coarsest pixel size of slides that it is made for, um; slides
            are resampled to ``pixel_size_um``.
        trained_on: ``simulations`` or ``slides``.
        licence: of the weights.
        description: one line.
        figures: of its evaluation, by name.
        file: name of the Keras file.
        files: SHA-256 of each file, by its name in the folder; without ``weights.json``.
        bytes: of all files.
        program: that made the weights.
        url: address of the folder as zip; None if there is none.
        url_sha256: SHA-256 of this zip.
    """

    name: str
    preset: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    pixel_size_um: float
    pixel_sizes_um: tuple[float, float]
    trained_on: str
    licence: str
    description: str
    figures: Mapping[str, float]
    file: str
    files: Mapping[str, str]
    bytes: int
    program: str
    url: str | None = None
    url_sha256: str | None = None

    @property
    def is_simulated(self) -> bool:
        """Whether it was trained on simulations."""
        return self.trained_on == SIMULATIONS

    @property
    def remark(self) -> str:
        """What a user of a prediction must know, in one line."""
        if self.is_simulated:
            return (
                f"{self.name} was trained on simulations: the prediction is a pattern, not amounts"
            )
        return (
            f"{self.name} was trained on other slides: the prediction is a pattern, and amounts "
            "only if staining and scanner are theirs"
        )

    def to_json(self) -> dict[str, Any]:
        """The entry as plain values; without the address where there is none."""
        values = {key: value for key, value in asdict(self).items() if value is not None}
        plain: dict[str, Any] = json.loads(json.dumps({"schema": SCHEMA, **values}))
        return plain

    @classmethod
    def from_json(cls, values: Any, where: object) -> "Entry":
        """Read what :meth:`to_json` gave.

        Args:
            values: anything.
            where: where it is from, for messages.

        Raises:
            WeightsError: it is of another version, or holds something else.
        """
        if not isinstance(values, dict):
            raise WeightsError(f"{where}: damaged: no object with keys")
        values = dict(values)
        schema = values.pop("schema", None)
        if schema != SCHEMA:
            found = printable(schema, 40)
            raise WeightsError(
                f"{where}: is of another version ({found}, expected {SCHEMA}); install the hrpn-tf "
                "that it is made for, or fetch weights of this one"
            )
        known = {field.name for field in fields(cls)}
        try:
            given = {key: value for key, value in values.items() if key in known}
            for key in ("inputs", "outputs", "pixel_sizes_um"):
                given[key] = tuple(given[key])
            entry = cls(**given)
            problem = _problem(entry)
        except (KeyError, TypeError) as error:
            problem = printable(error, 120)
        if problem:
            raise WeightsError(f"{where}: damaged: {problem}")
        return entry

    def check_files(self, folder: Path) -> None:
        """Refuse a folder in which a file is missing or is not as it was made.

        Raises:
            WeightsError: names the file.
        """
        for name, checksum in self.files.items():
            path = folder / name
            if not path.is_file() or path.is_symlink():
                raise WeightsError(f"{path}: is missing; {self._again(folder)}")
            if sha256(path) != checksum:
                raise WeightsError(f"{path}: is damaged (checksum differs); {self._again(folder)}")

    def _again(self, folder: Path) -> str:
        if self.url is not None:
            return f"fetch it again with: hrpn-tf weights --add {self.name} --overwrite"
        return f"remove {folder} and fetch it again, or install hrpn-tf again"


def checked_name(name: str) -> str:
    """A name that weights may have.

    Raises:
        UsageError: it is none.

    Example:
        >>> checked_name("hrpn-s-sim")
        'hrpn-s-sim'
    """
    if not is_name(name):
        raise UsageError(
            f"{printable(name, 80)}: a name of weights is of lower-case letters, digits and "
            "hyphens, at most 64"
        )
    return name


def is_name(text: str) -> bool:
    """Whether a text could be the name of weights."""
    return _NAME.fullmatch(text) is not None


def checked_sha256(text: str) -> str:
    """A SHA-256 in lower-case letters.

    Raises:
        UsageError: it is none.
    """
    if not _HEX.fullmatch(text.lower()):
        raise UsageError(
            f"--sha256 {printable(text, 80)}: expected the 64 hexadecimal digits of a SHA-256, as "
            "sha256sum prints them"
        )
    return text.lower()


def _problem(entry: Entry) -> str | None:
    """What is wrong with the values of an entry, in words."""
    texts = (entry.name, entry.preset, entry.licence, entry.description, entry.file, entry.program)
    names = (*entry.inputs, *entry.outputs)
    if not all(isinstance(text, str) and text.isprintable() for text in (*texts, *names)):
        return "a text is none, or does not print"
    if not is_name(entry.name):
        return "its name is none of weights"
    if entry.trained_on not in (SIMULATIONS, SLIDES):
        return f"trained_on must be {SIMULATIONS} or {SLIDES}"
    if not entry.inputs or len(entry.outputs) != 1:
        return "inputs, or the one output, are missing"
    sizes = (entry.pixel_size_um, *entry.pixel_sizes_um)
    if len(sizes) != 3 or not all(_is_number(size) and 0 < size < 1e6 for size in sizes):
        return "a pixel size is none"
    if not entry.pixel_sizes_um[0] <= entry.pixel_size_um <= entry.pixel_sizes_um[1]:
        return "pixel_size_um lies outside of pixel_sizes_um"
    if not isinstance(entry.figures, dict) or not all(map(_is_number, entry.figures.values())):
        return "figures are no numbers by name"
    if not isinstance(entry.files, dict) or entry.file not in entry.files:
        return "the checksum of its Keras file is missing"
    for name, checksum in entry.files.items():
        if not _FILE.fullmatch(name) or name == MANIFEST:
            return f"{printable(name, 60)} is no name of a file of weights"
        if not isinstance(checksum, str) or not _HEX.fullmatch(checksum):
            return f"{name} has no SHA-256"
    if not isinstance(entry.bytes, int) or entry.bytes < 1:
        return "bytes is no size"
    if (entry.url is None) != (entry.url_sha256 is None):
        return "url and url_sha256 belong together"
    if entry.url is not None and not (
        isinstance(entry.url, str)
        and entry.url.isprintable()
        and isinstance(entry.url_sha256, str)
        and _HEX.fullmatch(entry.url_sha256)
    ):
        return "url or url_sha256 is none"
    return None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value
