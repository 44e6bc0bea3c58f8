"""Progress of long work: the library reports it, the caller decides what shows it.

By default nothing does. :func:`show_progress` takes ``tqdm``, anything that is called like it, or
:func:`callback_bars` of a plain function:

    from tqdm.notebook import tqdm

    with show_progress(tqdm):
        build_store(slides, config, folder)
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from hrpn_tf.text import printable

Item = TypeVar("Item")


class Bar(Protocol):
    """What shows one piece of work; the part of ``tqdm`` that is used here."""

    total: float | None

    def update(self, n: float = 1) -> object:
        """More is done."""

    def set_postfix_str(self, s: str = "", refresh: bool = True) -> object:
        """Show a note beside the numbers."""

    def close(self) -> object:
        """The work is over."""


# Called as tqdm is: total, initial, desc, unit, unit_scale, leave, delay.
Bars = Callable[..., Bar]

_bars: ContextVar[Bars | None] = ContextVar("hrpn_tf_bars", default=None)


@contextmanager
def show_progress(bars: Bars | None) -> Iterator[None]:
    """Show the progress of what runs inside the context.

    Args:
        bars: makes a bar for each piece of work, with the keyword arguments of ``tqdm``; None for
            no bars.

    Example:
        >>> with show_progress(callback_bars(print)), Progress("read", 2, "slide") as progress:
        ...     progress.update(2)
        Update(title='read', done=0, total=2, unit='slide', note='')
        Update(title='read', done=2, total=2, unit='slide', note='')
    """
    token = _bars.set(bars)
    try:
        yield
    finally:
        _bars.reset(token)


class Progress:
    """One piece of work that is under way; a context that ends with it.

    Args:
        title: what is done, in a word or two.
        total: amount of work; None if unknown.
        unit: of the amount, e.g. "px".
        initial: amount that was done before.
        shown: False to report nothing.
        leave: whether the finished bar stays on the terminal.
        delay: seconds before the bar appears.
    """

    def __init__(
        self,
        title: str,
        total: float | None,
        unit: str,
        *,
        initial: float = 0,
        shown: bool = True,
        leave: bool = True,
        delay: float = 0.0,
    ) -> None:
        bars = _bars.get() if shown else None
        self._bar = bars and bars(
            total=total,
            initial=initial,
            desc=printable(title),
            unit=unit,
            unit_scale=unit == "px",
            leave=leave,
            delay=delay,
        )

    def update(self, amount: float = 1, note: str | None = None) -> None:
        """Report more work as done.

        Args:
            amount: in the unit.
            note: shown beside the numbers, e.g. the loss.
        """
        if self._bar is None:
            return
        if note is not None:
            self._bar.set_postfix_str(printable(note), refresh=False)
        self._bar.update(amount)

    def drop(self, amount: float) -> None:
        """Report work that will not be done: the total becomes smaller."""
        if self._bar is not None and self._bar.total:
            self._bar.total -= amount

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()


def tracked(
    items: Iterable[Item], title: str, total: int, unit: str, **options: Any
) -> Iterator[Item]:
    """The items, one after another, with their progress reported.

    Args:
        items: the work.
        title, total, unit: see :class:`Progress`.
        options: others of :class:`Progress`.
    """
    with Progress(title, total, unit, **options) as progress:
        for item in items:
            yield item
            progress.update()


def tqdm_bars(**options: Any) -> Bar:
    """Bars of ``tqdm`` for :func:`show_progress`; widgets in a notebook that has them installed."""
    from tqdm.auto import tqdm

    bar: Bar = tqdm(**options)
    return bar


@dataclass(frozen=True)
class Update:
    """How far a piece of work is.

    Attributes:
        title: what is done.
        done, total: amounts; total None if unknown.
        unit: of both.
        note: e.g. the loss.
    """

    title: str
    done: float
    total: float | None
    unit: str
    note: str


def callback_bars(function: Callable[[Update], object], every: float = 0.0) -> Bars:
    """Bars for :func:`show_progress` that call a function.

    Args:
        function: called at the beginning, with each update, and at the end.
        every: seconds between two calls, at least; the last state is always reported.
    """
    return lambda **options: _CallbackBar(function, every, **options)


class _CallbackBar:
    def __init__(
        self,
        function: Callable[[Update], object],
        every: float,
        *,
        desc: str = "",
        total: float | None = None,
        initial: float = 0,
        unit: str = "it",
        **_: object,
    ) -> None:
        self.total = total
        self._function, self._every = function, every
        self._title, self._unit, self._done, self._note = desc, unit, initial, ""
        self._reported: Update | None = None
        self._time = 0.0
        self._report()

    def update(self, n: float = 1) -> None:
        self._done += n
        if time.monotonic() - self._time >= self._every:
            self._report()

    def set_postfix_str(self, s: str = "", refresh: bool = True) -> None:
        self._note = s

    def close(self) -> None:
        self._report()

    def _report(self) -> None:
        update = Update(self._title, self._done, self.total, self._unit, self._note)
        if update == self._reported:
            return
        self._reported, self._time = update, time.monotonic()
        self._function(update)


def format_seconds(seconds: float) -> str:
    """A duration as bars show it.

    Example:
        >>> format_seconds(3725)
        '1:02:05'
    """
    from tqdm import tqdm

    return tqdm.format_interval(seconds)
