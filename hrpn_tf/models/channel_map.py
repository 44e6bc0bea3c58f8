"""How the channels of a new network are made of those of the network that it starts from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np


@dataclass(frozen=True)
class ChannelMap:
    """Weights of a new channel as sums of weights of old channels.

    Attributes:
        matrix: (new, old) float32; row i makes channel i of the old ones.
        notes: of each new channel, where it comes from.
        unused: names of old channels that are in no new one.
        by_position: whether nothing but their order says which channels correspond.
    """

    matrix: np.ndarray
    notes: tuple[str, ...]
    unused: tuple[str, ...] = ()
    by_position: bool = False

    @property
    def is_identity(self) -> bool:
        """Whether the channels stay as they are."""
        new, old = self.matrix.shape
        return new == old and bool((self.matrix == np.eye(new)).all())


def map_inputs(
    old: Sequence[str] | int,
    new: Sequence[str],
    alike: Mapping[str, str] = MappingProxyType({}),
) -> ChannelMap:
    """Where the kernels of the first layer come from.

    - A channel of the same role as an old one has its kernel, wherever it stood.
    - So has a channel whose role is another name of an old one.
    - If no role is the same, equal numbers of channels correspond by position.
    - A channel that is none of these has the kernel zero where another one was found: the network
      then predicts as before, as if the channel showed its mean, and learns what it adds.
    - If none was found, each has the mean of the old kernels, times old by new channels: the sum
      over alike channels is what it was.

    Args:
        old: roles of the old inputs, or their number if the roles are not known.
        new: roles of the new inputs.
        alike: old role by new role, where two names stand for one structure.

    Example:
        >>> map_inputs(("vessels", "nuclei"), ("nuclei", "perfusion", "vessels")).matrix.tolist()
        [[0.0, 1.0], [0.0, 0.0], [1.0, 0.0]]
        >>> map_inputs(2, ("vessels",)).matrix.tolist()
        [[1.0, 1.0]]
        >>> map_inputs(("vessels", "nuclei"), ("dapi", "cd31"), {"dapi": "nuclei"}).notes
        ('dapi: nuclei, by its name', 'cd31: zero')
    """
    names = _names(old)
    origins = [n if n in names else alike.get(n) for n in new]
    if not set(names) & set(origins):
        if len(names) == len(new):
            return _by_position(names, new)
        matrix = np.full((len(new), len(names)), 1 / len(new), np.float32)
        return ChannelMap(matrix, tuple(f"{n}: mean of {', '.join(names)}" for n in new))
    matrix = _same_names(names, origins)
    notes = tuple(_note(n, origin) for n, origin in zip(new, origins, strict=True))
    return ChannelMap(matrix, notes, tuple(n for n in names if n not in origins))


def map_outputs(old: Sequence[str] | int, new: Sequence[str]) -> ChannelMap:
    """Where the kernels of the last layer come from.

    By the role, or by position if no role is the same and the numbers are equal. Any other output
    is the mean of the old ones; zero would predict nothing.

    Args:
        old: names of the old outputs, or their number if the names are not known.
        new: names of the new outputs.

    Example:
        >>> map_outputs(("qd",), ("dextran",)).notes
        ('dextran: qd, by position',)
    """
    names = _names(old)
    if not set(names) & set(new) and len(names) == len(new):
        return _by_position(names, new)
    matrix = _same_names(names, new)
    matrix[[n not in names for n in new]] = 1 / len(names)
    notes = tuple(n if n in names else f"{n}: mean of {', '.join(names)}" for n in new)
    return ChannelMap(matrix, notes)


def _by_position(old: Sequence[str], new: Sequence[str]) -> ChannelMap:
    notes = tuple(f"{n}: {o}, by position" for o, n in zip(old, new, strict=True))
    return ChannelMap(np.eye(len(new), dtype=np.float32), notes, by_position=True)


def _note(new: str, origin: str | None) -> str:
    if origin is None:
        return f"{new}: zero"
    return new if new == origin else f"{new}: {origin}, by its name"


def _same_names(old: Sequence[str], new: Sequence[str | None]) -> np.ndarray:
    return np.array([[float(o == n) for o in old] for n in new], np.float32)


def _names(old: Sequence[str] | int) -> tuple[str, ...]:
    """The names; channels without any are called by their number."""
    return tuple(f"channel {i}" for i in range(old)) if isinstance(old, int) else tuple(old)
