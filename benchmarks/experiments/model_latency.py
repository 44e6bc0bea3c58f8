"""How fast are the presets on this machine, compared with the generator of GANDA?

    python benchmarks/experiments/model_latency.py
    python benchmarks/experiments/model_latency.py hrpn-s hrpn-m --size 512 --threads 2 --rounds 30

Every network runs once per round, so that other work of the machine affects all alike. The ratio
is the median over rounds of the network's time / GANDA's time.
"""

import argparse
import os
from typing import TYPE_CHECKING

from hrpn_tf.models.latency import Latency, measure_latency

if TYPE_CHECKING:
    import keras

REFERENCE = "ganda"


def main() -> None:
    """Measure and print one line per network."""
    arguments = _arguments()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    networks = _networks(arguments.presets, arguments.inputs)
    sides = dict.fromkeys(networks, arguments.size)
    times = measure_latency(networks, sides, arguments.rounds)
    print(
        f"{arguments.size} x {arguments.size} px, batch 1, float32, {arguments.threads} threads, "
        f"median of {arguments.rounds} rounds"
    )
    _report(networks, times, arguments.size)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("presets", nargs="*", help="presets to measure; all by default")
    parser.add_argument("--size", type=int, default=512, help="side of the patch, px")
    parser.add_argument("--inputs", type=int, default=2, help="input channels")
    parser.add_argument("--threads", type=int, default=2, help="threads of TensorFlow")
    parser.add_argument("--rounds", type=int, default=30, help="measurements of each network")
    return parser.parse_args()


def _networks(presets: list[str], inputs: int) -> dict[str, "keras.Model"]:
    from hrpn_tf.models.build import build_model
    from hrpn_tf.models.presets import list_presets

    names = presets or [preset.name for preset in list_presets() if preset.name != "ganda-mse"]
    return {name: build_model(name, inputs) for name in dict.fromkeys([REFERENCE, *names])}


def _report(networks: dict[str, "keras.Model"], times: dict[str, Latency], size: int) -> None:
    from hrpn_tf.models.graph import count_macs

    print(f"{'network':<18}{'GMAC':>8}{'median ms':>11}{'least ms':>10}{'x GANDA':>9}")
    for name, model in networks.items():
        latency = times[name]
        print(
            f"{name:<18}{count_macs(model, size, size) / 1e9:>8.2f}"
            f"{latency.median_ms:>11.1f}{1e3 * min(latency.seconds):>10.1f}{latency.ratio:>9.2f}"
        )


if __name__ == "__main__":
    main()
