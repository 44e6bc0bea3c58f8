"""The process that predicts the jobs of a service, one after another.

It reads one JSON object a line from standard input, first the network and then the
jobs, and writes events, one JSON object a line, to what was its standard output. It ends when
its input does, so that none is left behind by a server that was killed.

SIGTERM: the running tile is finished, everything computed is kept, and the process ends. A second
one ends it at once.
"""

import contextlib
import ctypes
import gc
import json
import logging
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hrpn_export.errors import BundleError

from hrpn_tf.errors import ForbiddenPathError, HrpnError, RunBusyError
from hrpn_tf.memory import forget_peak, peak_bytes
from hrpn_tf.progress import Update, callback_bars, show_progress
from hrpn_tf.service.places import is_within
from hrpn_tf.service.record import Problem
from hrpn_tf.service.runtime_choice import settled
from hrpn_tf.service.stopping import ServedNetwork, Stop, StopRequested
from hrpn_tf.text import printable
from hrpn_tf.workflows.networks.auto import runtime_text
from hrpn_tf.workflows.networks.bundle import BundleNetwork
from hrpn_tf.workflows.networks.network import load_network
from hrpn_tf.workflows.predict.options import Execution, PredictionOptions
from hrpn_tf.workflows.predict.predict import predict_run

_EVERY = 0.2  # s between two reports of progress
# The process of a server that was killed may still finish its last tile.
_BUSY_SECONDS, _BUSY_WAIT = 60.0, 0.5
_LONGEST = 1000


class Channel:
    """Events to the server, on what was standard output; prints of libraries go to the error."""

    def __init__(self) -> None:
        self._stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        self._lock = threading.Lock()

    def send_progress(self, update: Update) -> None:
        """Send how much of a piece of work is done."""
        values = {"done": update.done, "total": update.total, "unit": update.unit}
        self.send("progress", title=printable(update.title, 100), **values)

    def send(self, event: str, **values: Any) -> None:
        """Send an event; ignored if the server is gone."""
        with self._lock, contextlib.suppress(BrokenPipeError):
            self._stream.write(json.dumps({"event": event, **values}) + "\n")
            self._stream.flush()


class _Warnings(logging.Handler):
    def __init__(self, channel: Channel) -> None:
        super().__init__(logging.WARNING)
        self._channel = channel

    def emit(self, record: logging.LogRecord) -> None:
        text = printable(" ".join(record.getMessage().split()), _LONGEST)
        self._channel.send("warning", text=text)


def main() -> None:
    """Predict what standard input says."""
    channel, stop = Channel(), Stop()
    signal.signal(signal.SIGTERM, stop.on_signal)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server decides
    for name in ("hrpn_tf", "hrpn_export"):
        logging.getLogger(name).addHandler(_Warnings(channel))
        logging.getLogger(name).propagate = False
    orders = _orders(stop)
    first = next(orders)
    try:
        network = _network(first, stop, channel)
    except (HrpnError, BundleError, OSError) as error:
        _fail(channel, error)
        sys.exit(1)
    overrides = tuple(first["overrides"])
    if _predict_all(orders, network, overrides, stop, channel):
        channel.send("stopped")
    # what is done at exit is not to be interrupted
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _predict_all(
    orders: Iterator[dict[str, Any]],
    network: ServedNetwork,
    overrides: tuple[str, ...],
    stop: Stop,
    channel: Channel,
) -> bool:
    """Predict one job after another; whether one was stopped."""
    for order in orders:
        stop.busy = True
        try:
            _predict(network, order, overrides, channel)
        except StopRequested:
            return True
        stop.busy = False
        _give_back_memory()
        if stop.asked.is_set():
            return False
    return False


def _give_back_memory() -> None:
    """Return to the system what the last job needed, as far as the C library can."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # another library than glibc
        ctypes.CDLL(None).malloc_trim(0)


def _network(first: dict[str, Any], stop: Stop, channel: Channel) -> ServedNetwork:
    """Load the network in the runtime that is settled now, and say which it is."""
    choice = settled(first)
    chosen = choice.network
    assert isinstance(chosen, BundleNetwork)
    network = ServedNetwork(**vars(chosen), stop=stop)
    contract = network.contract()
    network.config(tuple(first["overrides"]))
    load_network(network)
    channel.send(
        "ready",
        contract=contract.fields(),
        origin=network.origin(),
        caution=network.caution(),
        runtime=runtime_text(network),
        why=choice.why,
        network={
            "format": network.format,
            "precision": network.precision,
            "runtime": network.ran_by(),
        },
    )
    return network


def _predict(
    network: ServedNetwork, order: dict[str, Any], overrides: tuple[str, ...], channel: Channel
) -> None:
    """Predict one job, and say how it ended."""
    forget_peak()
    said: list[str] = []
    try:
        with show_progress(callback_bars(channel.send_progress, _EVERY)):
            _when_free(lambda: _predict_slide(network, order, overrides, said.append))
    except (HrpnError, BundleError, OSError, MemoryError) as error:
        _fail(channel, error)
        return
    except Exception as error:  # noqa: BLE001 (a fault of one job must not end the service)
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}:{place.lineno}"
        _fail(
            channel,
            HrpnError(f"a fault of this program: {type(error).__name__}: {error} ({where})"),
        )
        return
    channel.send("done", summary=" ".join(said), peak_bytes=peak_bytes())


def _predict_slide(
    network: ServedNetwork,
    order: dict[str, Any],
    overrides: tuple[str, ...],
    on_done: Callable[[str], object],
) -> None:
    from hrpn_tf.prediction.tiling import Region

    slide, out, wish = Path(order["slide"]), Path(order["out"]), order["wish"]
    within = [Path(folder) for folder in order["within"]]
    _refuse_links(slide, within)
    region = None
    if wish["region"] is not None:
        x, y, width, height = wish["region"]
        region = Region(y, x, height, width)
    options = PredictionOptions(
        region=region,
        pixel_size_um=wish["pixel_size_um"],
        z=wish["z"],
        channels=wish["channels"],
        overrides=overrides,
    )
    execution = Execution(skip_existing=True, on_done=on_done)
    predict_run(network, [slide], out=out, options=options, execution=execution)


def _refuse_links(slide: Path, within: list[Path]) -> None:
    """Refuse a slide that has become a link out of its folders, or holds one.

    Raises:
        ForbiddenPathError: it does.
    """
    real = slide.resolve()
    places = [slide] if slide.is_file() else list(_links(slide))
    if not is_within(real, within) or not all(is_within(p.resolve(), within) for p in places):
        raise ForbiddenPathError(
            f"{slide.name}: leads out of the folders that this service may read"
        )


def _links(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(root, name)
            if os.path.islink(path):
                yield Path(path)


def _when_free(predict: Callable[[], object]) -> None:
    """Predict, and wait for the process of an earlier server that finishes its last tile."""
    end = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            predict()
            return
        except RunBusyError:
            if time.monotonic() > end:
                raise
            time.sleep(_BUSY_WAIT)


def _fail(channel: Channel, error: Exception) -> None:
    channel.send("failed", problem=Problem.of(error).model_dump())


def _orders(stop: Stop) -> Iterator[dict[str, Any]]:
    """The lines of standard input, which another thread reads to notice its end at once."""
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        for line in sys.stdin:
            lines.put(line)
        stop.asked.set()
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    while (line := lines.get()) is not None:
        yield json.loads(line)


if __name__ == "__main__":
    main()
