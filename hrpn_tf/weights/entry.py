"""What is known of weights: the entry of a name in the registry, and in the folder itself."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from hrpn_export.manifest import Sha256, first_problem
from pydantic import (
    AfterValidator,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)

from hrpn_tf.errors import UsageError, WeightsError
from hrpn_tf.files import sha256
from hrpn_tf.text import printable

SCHEMA = "hrpn-tf weights 1"
MANIFEST = "weights.json"  # in the folder of the weights
CARD = "card.md"
TrainedOn = Literal["simulations", "slides"]
SIMULATIONS: TrainedOn = "simulations"
SLIDES: TrainedOn = "slides"

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_HEX = re.compile(r"[0-9a-f]{64}")


def _shown(text: str) -> str:
    if not text.isprintable():
        raise ValueError("does not print")
    return text


def _own_file(name: str) -> str:
    if name == MANIFEST:
        raise ValueError("is no name of a file of weights")
    return name


_Text = Annotated[str, AfterValidator(_shown)]
# No path, so that nothing outside of the folder can be named.
_File = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$"), AfterValidator(_own_file)
]
_Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
_Size = Annotated[float, Field(strict=True, gt=0, lt=1e6)]


@dataclass(frozen=True)
class WeightsEntry:
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

    name: Annotated[str, StringConstraints(pattern=f"^{_NAME.pattern}$")]
    preset: _Text
    inputs: Annotated[tuple[_Text, ...], Field(min_length=1)]
    outputs: Annotated[tuple[_Text, ...], Field(min_length=1, max_length=1)]
    pixel_size_um: _Size
    pixel_sizes_um: tuple[_Size, _Size]
    trained_on: TrainedOn
    licence: _Text
    description: _Text
    figures: Mapping[str, _Number]
    file: _Text
    files: Mapping[_File, Sha256]
    bytes: Annotated[int, Field(strict=True, ge=1)]
    program: _Text
    url: _Text | None = None
    url_sha256: Sha256 | None = None

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
    def from_json(cls, values: Any, where: object) -> "WeightsEntry":
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
        try:
            entry = _reader().validate_python(values)
        except ValidationError as error:
            raise WeightsError(f"{where}: damaged: {first_problem(error)}") from None
        if problem := entry._contradiction():
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

    def _contradiction(self) -> str | None:
        """What no field shows alone."""
        finest, coarsest = self.pixel_sizes_um
        if not finest <= self.pixel_size_um <= coarsest:
            return "pixel_size_um lies outside of pixel_sizes_um"
        if self.file not in self.files:
            return "the checksum of its Keras file is missing"
        if (self.url is None) != (self.url_sha256 is None):
            return "url and url_sha256 belong together"
        return None

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


@cache
def _reader() -> TypeAdapter[WeightsEntry]:
    return TypeAdapter(WeightsEntry)
