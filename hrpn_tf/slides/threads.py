"""Do several things at once, in order and with bounded memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from hrpn_export.threads import usable_cores

In = TypeVar("In")
Out = TypeVar("Out")
# More would wait for the disk, or for the one thread that puts the results together.
_MOST = 8


def count() -> int:
    """How many threads pay off: the cores that this process may use, up to eight."""
    return min(usable_cores(), _MOST)


def finished(function: Callable[[], Out]) -> Out:
    """The result of a function, in a thread that is waited for even when Ctrl-C comes.

    For libraries that write in threads of their own: interrupted, those would go on to write into a
    folder that is being removed.
    """
    with ThreadPoolExecutor(1) as pool:
        # starts the thread: interrupted while that starts, a pool does not wait for it
        pool.submit(bool).result()
        return pool.submit(function).result()


def ahead(function: Callable[[In], Out], items: Iterable[In], most: int) -> Iterator[Out]:
    """Results of a function, in order, computed by threads while earlier ones are used.

    Args:
        function: releases the interpreter's lock for most of its time.
        items: its arguments, taken as they are needed.
        most: how many results there may be at a time that were not taken yet.

    >>> list(ahead(abs, [-3, 2, -1], 2))
    [3, 2, 1]
    """
    waiting: deque[Future[Out]] = deque()
    with ThreadPoolExecutor(count()) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) >= most:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
