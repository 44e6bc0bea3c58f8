"""Read ahead and write behind, in threads that a stalled drive cannot block for ever."""

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from hrpn_tf.errors import StalledError

NO_LIMIT = threading.TIMEOUT_MAX  # s; the longest possible wait of a thread
_POLL_SECONDS = 0.1
# When reading ends early, a read in progress has this many seconds to return before the slide is
# closed; the thread of a longer one is abandoned.
_PATIENCE_SECONDS = 5.0

T = TypeVar("T")


@dataclass(frozen=True)
class _Failure:
    error: BaseException


_END = object()


def within(seconds: float, what: str, function: Callable[[], T]) -> T:
    """Call a function that may hang in the system; a thread that hangs is abandoned.

    Raises:
        StalledError: the call took longer than ``seconds``; the message begins with ``what``.
    """
    done: queue.Queue[Any] = queue.Queue(1)

    def run() -> None:
        try:
            done.put(function())
        except BaseException as error:  # noqa: BLE001 (raised again by the caller)
            done.put(_Failure(error))

    threading.Thread(target=run, daemon=True).start()
    try:
        result = done.get(timeout=min(seconds, NO_LIMIT))
    except queue.Empty:
        raise stalled(what, seconds) from None
    if isinstance(result, _Failure):
        raise result.error
    return result


def stalled(what: str, seconds: float) -> StalledError:
    """The error for an operation without progress."""
    return StalledError(
        f"{what}: no progress for {seconds:g} s; check the drive or network, then run the same "
        "command again to go on (prediction.io_timeout sets the limit)"
    )


class ReadAhead(Generic[T]):
    """Iterator over items that another thread produces ahead of time; a context manager.

    Leaving the context stops the thread, and waits briefly for its current item.

    Args:
        items: iterated in the thread; an error is raised in place of its item.
        size: largest number of waiting items.
        seconds: longest wait for an item, s.
        what: start of the error message after a longer wait.
    """

    def __init__(self, items: Iterable[T], size: int, seconds: float, what: str) -> None:
        self._queue: queue.Queue[Any] = queue.Queue(size)
        self._seconds, self._what = seconds, what
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(items,), daemon=True)

    def __enter__(self) -> Iterator[T]:
        self._thread.start()
        return self._items()

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        self._stop.set()
        if kind is None or not issubclass(kind, StalledError):
            self._thread.join(min(self._seconds, _PATIENCE_SECONDS))

    def _items(self) -> Iterator[T]:
        while True:
            try:
                item = self._queue.get(timeout=min(self._seconds, NO_LIMIT))
            except queue.Empty:
                raise stalled(self._what, self._seconds) from None
            if item is _END:
                return
            if isinstance(item, _Failure):
                raise item.error
            yield item

    def _run(self, items: Iterable[T]) -> None:
        try:
            for item in items:
                self._put(item)
                del item  # otherwise it would be kept while the next one is produced
                if self._stop.is_set():
                    return
            self._put(_END)
        except BaseException as error:  # noqa: BLE001 (raised again by the reader)
            self._put(_Failure(error))

    def _put(self, item: Any) -> None:
        while not self._stop.is_set():
            try:
                self._queue.put(item, timeout=_POLL_SECONDS)
            except queue.Full:
                continue
            return


class WriteBehind:
    """Calls a function in another thread, in the order of the calls; a context manager.

    Leaving the context waits until everything is written, even after an error elsewhere, so that
    computed blocks are kept.

    Args:
        write: called with the arguments of each ``put``; its error is raised by a later ``put`` or
            at the end.
        size: largest number of waiting calls.
        seconds: longest wait for a call to finish, s.
        what: start of the error message after a longer wait.
    """

    def __init__(self, write: Callable[..., object], size: int, seconds: float, what: str) -> None:
        self._write, self._seconds, self._what = write, seconds, what
        self._queue: queue.Queue[Any] = queue.Queue(size)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._last_done = time.monotonic()
        self._given_up = threading.Event()

    def __enter__(self) -> "WriteBehind":
        self._thread.start()
        return self

    def put(self, *arguments: Any) -> None:
        """Queue a call.

        Raises:
            StalledError: no call finished within the time limit.
        """
        self._put(arguments)
        if self._error is not None:
            raise self._error

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        try:
            self._put(_END)
            started = time.monotonic()
            while self._thread.is_alive():
                self._thread.join(_POLL_SECONDS)
                self._refuse_stalled(started)
        except StalledError:
            self._given_up.set()
            if kind is None:
                raise
        if self._error is not None and kind is None:
            raise self._error

    def _put(self, item: Any) -> None:
        started = time.monotonic()
        while self._error is None:
            try:
                self._queue.put(item, timeout=_POLL_SECONDS)
            except queue.Full:
                self._refuse_stalled(started)
                continue
            return

    def _refuse_stalled(self, started: float) -> None:
        """Raise if no call finished within the limit since ``started``."""
        if time.monotonic() - max(started, self._last_done) > self._seconds:
            raise stalled(self._what, self._seconds)

    def _run(self) -> None:
        try:
            while not self._given_up.is_set():
                try:
                    arguments = self._queue.get(timeout=_POLL_SECONDS)
                except queue.Empty:
                    continue
                if arguments is _END:
                    return
                self._write(*arguments)
                del arguments
                self._last_done = time.monotonic()
        except BaseException as error:  # noqa: BLE001 (raised again by the caller)
            self._error = error
