"""Latency of the presets on this machine, against the generator of GANDA.

    python benchmarks/model_latency.py
    python benchmarks/model_latency.py hrpn-s hrpn-m --size 512 --threads 2 --rounds 30

Every network runs once per round, so that whatever else the machine does hits all of them alike;
the ratio is the median over rounds of (its time / GANDA's time in the same round).
"""

import argparse
import os
import time
from collections.abc import Callable
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

REFERENCE = "ganda-generator"


def main() -> None:
    """Measure and print one line per network."""
    arguments = _arguments()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    networks = _networks(arguments.presets, arguments.inputs)
    batch = tf.random.uniform(
        (1, arguments.size, arguments.size, arguments.inputs), maxval=255.0, seed=0
    )
    runs = {name: _compiled(model, batch) for name, model in networks.items()}
    times = _interleaved(runs, arguments.rounds)
    print(
        f"{arguments.size} x {arguments.size} px, batch 1, float32, {arguments.threads} threads, "
        f"median of {arguments.rounds} rounds"
    )
    _report(networks, times, arguments.size)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Latency of presets against GANDA's generator.")
    parser.add_argument("presets", nargs="*", help="presets to measure; all by default")
    parser.add_argument("--size", type=int, default=512, help="side of the patch, px")
    parser.add_argument("--inputs", type=int, default=2, help="input channels")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=30)
    return parser.parse_args()


def _networks(presets: list[str], inputs: int) -> dict[str, "keras.Model"]:
    from hrpn_tf.models.build import build_model
    from hrpn_tf.models.presets import Preset, list_presets

    ganda = Preset(REFERENCE, "hrpn_tf.models.ganda:ganda_generator", "", scaled=False)
    names = presets or [preset.name for preset in list_presets()]
    return {REFERENCE: build_model(ganda, inputs)} | {n: build_model(n, inputs) for n in names}


def _compiled(model: "keras.Model", batch: Any) -> Callable[[], Any]:
    """The forward pass as a tf.function with free height and width, called twice to warm up."""
    import tensorflow as tf

    signature = tf.TensorSpec((None, None, None, batch.shape[-1]), tf.float32)
    function = tf.function(lambda x: model(x, training=False), input_signature=[signature])

    def run() -> Any:
        return function(batch).numpy()

    run()
    run()
    return run


def _interleaved(runs: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each network in each round."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return times


def _report(networks: dict[str, "keras.Model"], times: dict[str, list[float]], size: int) -> None:
    from hrpn_tf.models.graph import count_macs

    print(f"{'network':<18}{'GMAC':>8}{'median ms':>11}{'least ms':>10}{'x GANDA':>9}")
    for name, model in networks.items():
        ratios = [t / reference for t, reference in zip(times[name], times[REFERENCE], strict=True)]
        print(
            f"{name:<18}{count_macs(model, size, size) / 1e9:>8.2f}"
            f"{1e3 * median(times[name]):>11.1f}{1e3 * min(times[name]):>10.1f}"
            f"{median(ratios):>9.2f}"
        )


if __name__ == "__main__":
    main()
