"""The latency of networks for one tile; they take turns, so that load affects all equally."""

import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from hrpn_export.threads import usable_cores

from hrpn_tf.progress import tracked

if TYPE_CHECKING:
    import keras

SIDE = 512
ROUNDS = 20


@dataclass(frozen=True)
class Latency:
    """Times of one network.

    Attributes:
        seconds: of each round.
        ratios: of each round: its time over that of the reference in the same round.
    """

    seconds: tuple[float, ...]
    ratios: tuple[float, ...]

    @property
    def median_ms(self) -> float:
        """Median time, ms."""
        return 1e3 * median(self.seconds)

    @property
    def ratio(self) -> float:
        """Median ratio."""
        return median(self.ratios)


def measure_latency(
    networks: Mapping[str, "keras.Model"],
    sides: Mapping[str, int],
    rounds: int = ROUNDS,
    reference: str | None = None,
    progress: bool = False,
) -> dict[str, Latency]:
    """Time every network once per round, on a batch of one square float32 tile.

    Args:
        networks: by name.
        sides: of each network's tile, px.
        rounds: how often.
        reference: name of the network that the ratios refer to; the first if None.
        progress: report the progress; see ``hrpn_tf.progress``.
    """
    reference = reference or next(iter(networks))
    runs = {name: compiled(network, sides[name]) for name, network in networks.items()}
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in tracked(range(rounds), "latency", rounds, "round", shown=progress):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return {
        name: Latency(
            tuple(seconds),
            tuple(t / first for t, first in zip(seconds, times[reference], strict=True)),
        )
        for name, seconds in times.items()
    }


def compiled(network: "keras.Model", side: int) -> Callable[[], Any]:
    """One forward pass with free height and width, called twice already to warm up."""
    import tensorflow as tf

    channels = network.input_shape[-1]
    batch = tf.random.uniform((1, side, side, channels), maxval=255.0, seed=0)
    signature = tf.TensorSpec((None, None, None, channels), tf.float32)
    function = tf.function(lambda x: network(x, training=False), input_signature=[signature])

    def run() -> Any:
        return function(batch).numpy()

    run()
    run()
    return run


def tile_side(stride_multiple: int, side: int = SIDE) -> int:
    """The least multiple of a network's stride that is no less than ``side``, px."""
    return -(-side // stride_multiple) * stride_multiple


def device_in_words() -> str:
    """What TensorFlow computes on here."""
    import tensorflow as tf

    devices = tf.config.list_physical_devices("GPU")
    if devices:
        details = tf.config.experimental.get_device_details(devices[0])
        return str(details.get("device_name", "GPU"))
    return f"{_processor()}, {usable_cores()} cores"


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    except OSError:
        names = []
    return names[0] if names else platform.machine()
