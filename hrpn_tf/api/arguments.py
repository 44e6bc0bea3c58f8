"""Arguments that may be paths or objects, and what is the same for all functions of the face."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

from hrpn_tf.progress import Update, callback_bars, show_progress, tqdm_bars

if TYPE_CHECKING:
    from hrpn_tf.config import Config
    from hrpn_tf.runs import Run
    from hrpn_tf.slides import Slide

PathArgument = str | PathLike[str]
RunArgument = Union["Run", str, PathLike[str]]
SlideArgument = Union["Slide", str, PathLike[str]]
ConfigArgument = Union["Config", str, PathLike[str], Mapping[str, Any], None]
ProgressArgument = bool | Callable[[Update], object] | None


def path_of(argument: PathArgument) -> Path:
    """The path of a path or of a result."""
    return Path(os.fspath(argument))


def optional_path(argument: PathArgument | None) -> Path | None:
    """The same for an argument that may be left out."""
    return None if argument is None else path_of(argument)


def run_of(argument: RunArgument) -> "Run":
    """The open run of a run, a folder, or a result that is one.

    Raises:
        RunError: no run folder there.
    """
    from hrpn_tf.runs import Run, open_run

    return argument if isinstance(argument, Run) else open_run(path_of(argument))


def slide_path(argument: SlideArgument) -> Path:
    """The path of a slide that is open, or of a file or folder.

    Raises:
        UsageError: something else.
    """
    from hrpn_tf.errors import UsageError
    from hrpn_tf.slides import SlideInfo

    if isinstance(argument, str | PathLike):
        return path_of(argument)
    info = getattr(argument, "info", None)
    if not isinstance(info, SlideInfo):
        raise UsageError(f"{type(argument).__name__}: expected a path, a slide or a NumPy array")
    return info.path


def overrides_of(settings: Mapping[str, Any] | None, above: str = "") -> tuple[str, ...]:
    """Values by section and key as strings ``section.key=value``.

    >>> overrides_of({"prediction": {"tile": 512}, "prediction.max_ram": None})
    ('prediction.tile=512', 'prediction.max_ram=null')
    """
    import yaml

    texts: list[str] = []
    for name, value in (settings or {}).items():
        if isinstance(value, Mapping) and value:
            texts += overrides_of(value, f"{above}{name}.")
            continue
        text = yaml.safe_dump(value, default_flow_style=True, width=float("inf"))
        texts.append(f"{above}{name}={text.removesuffix('...' + chr(10)).strip()}")
    return tuple(texts)


@dataclass(frozen=True)
class TimedCall:
    """One call that is under way.

    Attributes:
        started: of :func:`time.perf_counter`, s.
    """

    started: float

    @property
    def seconds(self) -> float:
        """Wall time so far."""
        return time.perf_counter() - self.started


@contextmanager
def work(progress: ProgressArgument) -> Iterator[TimedCall]:
    """Measure the time of a call, and show its progress.

    Args:
        progress: True for bars of ``tqdm``, in a notebook as widgets where these are installed; a
            function that is called with each :class:`~hrpn_tf.progress.Update`; None for what
            :func:`~hrpn_tf.progress.show_progress` shows, by default nothing; False for nothing.
    """
    now = TimedCall(time.perf_counter())
    if progress is None:
        yield now
        return
    bars: Any = None
    if progress is True:
        bars = tqdm_bars
    elif progress is not False:
        bars = callback_bars(progress)
    with show_progress(bars):
        yield now
