"""The effect of layers on one spatial axis: its length, and the pixels that a pixel depends on.

Pure integer arithmetic on one axis; no Keras. A *step* is what a layer does to an axis. Lengths
are kept as ``ratio * L + offset`` of the input's length L, exact for every L that is a multiple
of the model's stride multiple.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

Span = tuple[int, int]


@dataclass(frozen=True)
class Length:
    """The length of an axis, ``ratio * L + offset`` px for an input of length L px."""

    ratio: Fraction
    offset: int

    def at(self, length: int) -> int:
        """The length in px where the input's is ``length``."""
        return int(self.ratio * length) + self.offset


class Step(Protocol):
    """What a layer does to an axis."""

    def length(self, source: Length) -> Length:
        """The axis after the layer."""
        ...

    def span(self, index: int, source: Length) -> Span | None:
        """First and last source pixel that pixel ``index`` depends on; None: all of them."""
        ...


@dataclass(frozen=True)
class SlidingWindow:
    """A sliding window: convolution, pooling, space-to-depth, padding, cropping.

    ``same`` pads as TensorFlow does: what is missing for full windows, the odd pixel at the end.
    """

    size: int = 1
    stride: int = 1
    before: int = 0
    after: int = 0
    same: bool = False

    def _padding(self, source: Length) -> Span:
        if not self.same:
            return self.before, self.after
        rest = source.offset % self.stride
        total = max(self.size - (rest or self.stride), 0)
        return total // 2, total - total // 2

    def length(self, source: Length) -> Length:
        """Number of windows that fit."""
        windows = (source.offset + sum(self._padding(source)) - self.size) // self.stride + 1
        return Length(source.ratio / self.stride, windows)

    def span(self, index: int, source: Length) -> Span:
        """The window's first and last pixel."""
        first = index * self.stride - self._padding(source)[0]
        return first, first + self.size - 1


@dataclass(frozen=True)
class Spread:
    """Every source pixel is spread over ``size`` pixels, ``factor`` apart, ``crop`` cut off first.

    Transposed convolution, nearest upsampling, depth-to-space. ``tail`` is what the result is
    longer than ``factor`` times the source. Needs ``size >= factor``.
    """

    size: int
    factor: int
    crop: int = 0
    tail: int = 0

    def length(self, source: Length) -> Length:
        """The factor times the source, and the tail."""
        return Length(source.ratio * self.factor, source.offset * self.factor + self.tail)

    def span(self, index: int, source: Length) -> Span:
        """First and last source pixel whose spread reaches ``index``."""
        position = index + self.crop
        return -((self.size - 1 - position) // self.factor), position // self.factor


@dataclass(frozen=True)
class Blend:
    """Half-pixel linear interpolation by an integer factor."""

    factor: int

    def length(self, source: Length) -> Length:
        """The factor times the source."""
        return Length(source.ratio * self.factor, source.offset * self.factor)

    def span(self, index: int, source: Length) -> Span:
        """The one or two source pixels whose centres enclose that of ``index``."""
        first, rest = divmod(2 * index + 1 - self.factor, 2 * self.factor)
        return first, first + (rest > 0)


@dataclass(frozen=True)
class Everything:
    """A result that depends on the whole axis; ``factor`` 0 is a global pooling to one pixel."""

    factor: int = 1

    def length(self, source: Length) -> Length:
        """The factor times the source, or one pixel."""
        offset = source.offset * self.factor if self.factor else 1
        return Length(source.ratio * self.factor, offset)

    def span(self, index: int, source: Length) -> None:
        """All of it."""
        return None


@dataclass(frozen=True)
class Spans:
    """What each pixel of an axis depends on, in input pixels, over one period of the model.

    Attributes:
        period: input pixels after which the pattern repeats (a multiple of all strides).
        first: first input pixel of each of the axis's pixels in the first period.
        last: last input pixel, likewise.
    """

    period: int
    first: tuple[int, ...]
    last: tuple[int, ...]

    @classmethod
    def of_input(cls, period: int) -> "Spans":
        """An input pixel depends on itself."""
        return cls(period, tuple(range(period)), tuple(range(period)))

    def after(self, step: Step, source: Length) -> "Spans | None":
        """Spans after a step; None where everything matters."""
        count = int(step.length(source).ratio * self.period) or 1  # one pixel: global pooling
        first, last = [], []
        for index in range(count):
            span = step.span(index, source)
            if span is None:
                return None
            reach = [self._at(i) for i in range(span[0], span[1] + 1)]
            first.append(min(low for low, _ in reach))
            last.append(max(high for _, high in reach))
        return Spans(self.period, tuple(first), tuple(last))

    def _at(self, index: int) -> Span:
        periods, phase = divmod(index, len(self.first))
        shift = periods * self.period
        return self.first[phase] + shift, self.last[phase] + shift

    def union(self, other: "Spans") -> "Spans":
        """What either depends on."""
        return Spans(
            self.period,
            tuple(map(min, self.first, other.first)),
            tuple(map(max, self.last, other.last)),
        )

    def reach(self) -> int:
        """Largest distance from a pixel to one that it depends on; for an axis of ratio 1."""
        return max(
            max(i - low, high - i)
            for i, (low, high) in enumerate(zip(self.first, self.last, strict=True))
        )
