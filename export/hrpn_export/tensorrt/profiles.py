"""Optimisation profiles: the input sizes that an engine takes and is tuned for."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from hrpn_export.errors import ContractError, FormatError

Extent = Annotated[int, Field(ge=1, le=2**20)]
Shape = tuple[Extent, Extent, Extent, Extent]

# By default an engine takes any size up to _LARGEST and is tuned for _USUAL, px.
_LARGEST, _USUAL = 1024, 512


class Profile(BaseModel):
    """A range of input shapes (N, H, W, C).

    Attributes:
        minimum, maximum: inclusive bounds.
        optimum: shape that the engine is tuned for.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    minimum: Shape
    optimum: Shape
    maximum: Shape

    def takes(self, shape: Sequence[int]) -> bool:
        """Whether a batch (N, H, W, C) fits; N does not matter, since batches can be split."""
        sides = zip(self.minimum[1:], shape[1:], self.maximum[1:], strict=True)
        return all(low <= side <= high for low, side, high in sides)

    @property
    def tile(self) -> tuple[int, int] | None:
        """Height and width, px, if the profile takes a single size; else None."""
        return self.minimum[1:3] if self.minimum[1:3] == self.maximum[1:3] else None

    @property
    def _freedom(self) -> int:
        return (self.maximum[1] - self.minimum[1]) * (self.maximum[2] - self.minimum[2])

    def __str__(self) -> str:
        low, high = (f"{height} x {width}" for _, height, width, _ in (self.minimum, self.maximum))
        return low if low == high else f"{low} to {high}"


def read_tile(tile: Any) -> tuple[int, int]:
    """Read height and width, px, from ``512``, ``"512"``, ``"512x768"`` or ``(512, 768)``.

    Raises:
        FormatError: the value has none of these forms.
    """
    parts = tile.split("x") if isinstance(tile, str) else tile
    parts = [parts] if isinstance(parts, int) else list(parts)
    try:
        sides = [int(part) for part in parts]
    except (TypeError, ValueError):
        sides = []
    if len(sides) not in (1, 2) or min(sides) < 1:
        raise FormatError(f"{tile!r} is no size of a tile; write 512, or 512x768 (height x width)")
    return sides[0], sides[-1]


def make_profiles(
    multiple: int, channels: int, tiles: Iterable[Any] | None, batches: Sequence[int]
) -> tuple[Profile, ...]:
    """Make one profile for every size up to the largest tile, and one for each given tile.

    The first profile is tuned for one tile at a time, the others for full batches.

    Args:
        multiple: stride multiple of the model, px.
        channels: number of input channels.
        tiles: see :func:`read_tile`; None or empty for the general profile alone.
        batches: numbers of tiles per batch; the largest is the limit.

    Raises:
        FormatError: a value is no size.
        ContractError: a tile is no multiple of the stride multiple.
    """
    asked = list(dict.fromkeys(read_tile(tile) for tile in tiles or ()))
    for height, width in asked:
        if height % multiple or width % multiple:
            raise ContractError(
                f"a tile's height and width must be multiples of {multiple}, got {height} x {width}"
            )
    if not batches or min(batches) < 1:
        raise FormatError(f"batches must be numbers from 1 up, got {list(batches)}")
    most = max(batches)
    largest = [_up(max(_LARGEST, *(tile[i] for tile in asked), 1), multiple) for i in (0, 1)]
    usual = asked[0] if asked else (_up(_USUAL, multiple), _up(_USUAL, multiple))
    anything = Profile(
        minimum=(1, multiple, multiple, channels),
        optimum=(1, *usual, channels),
        maximum=(most, largest[0], largest[1], channels),
    )
    exact = [
        Profile(
            minimum=(1, *tile, channels),
            optimum=(most, *tile, channels),
            maximum=(most, *tile, channels),
        )
        for tile in asked
    ]
    return anything, *exact


def choose(profiles: Sequence[Profile], shape: Sequence[int]) -> int:
    """Index of the narrowest profile that takes a batch (N, H, W, C).

    Raises:
        ContractError: no profile takes it; lists their ranges.
    """
    fitting = [i for i, profile in enumerate(profiles) if profile.takes(shape)]
    if not fitting:
        ranges = ", ".join(str(profile) for profile in profiles)
        raise ContractError(
            f"the engine takes height x width of {ranges} px, got {shape[1]} x {shape[2]}"
        )
    return min(fitting, key=lambda i: profiles[i]._freedom)


def _up(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple
