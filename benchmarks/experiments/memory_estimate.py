"""How accurate is the memory estimate of ``hrpn-tf fit`` for a training step?

    python benchmarks/experiments/memory_estimate.py

Prints a Markdown table with the estimate of ``hrpn_tf.training.memory`` for each preset and
precision, and the measured growth of resident memory over two training steps on a CPU. Every
measurement runs in a fresh process; peaks are those of the system (VmHWM).
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

MIB = 2**20


def main() -> None:
    """Measure each case in a new process and print the table."""
    options = _options()
    if options.case:
        print(*_measure(*options.case, options.batch, options.size))
        return
    print(f"batch {options.batch} of {options.size} x {options.size} px\n")
    print("| network | precision | estimate, MB | measured, MB | estimate / measured |")
    print("|---|---|---|---|---|")
    for precision in options.precisions:
        for preset in options.presets:
            estimate, measured = _case(preset, precision, options)
            print(
                f"| `{preset}` | {precision} | {estimate / MIB:.0f} | {measured / MIB:.0f} | "
                f"{estimate / measured:.2f} |",
                flush=True,
            )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    presets = ["hrpn-published", "hrpn-s", "hrpn-m", "ganda-mse"]
    add("--presets", nargs="+", default=presets, help="networks to measure")
    add("--precisions", nargs="+", default=["float32", "mixed_bfloat16"], help="dtype policies")
    add("--batch", type=int, default=8, help="patches per step")
    add("--size", type=int, default=256, help="side of a patch, px")
    add("--case", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def _case(preset: str, precision: str, options: argparse.Namespace) -> tuple[int, int]:
    command = [sys.executable, __file__, "--case", preset, precision]
    sizes = [f"--batch={options.batch}", f"--size={options.size}"]
    done = subprocess.run(
        [*command, *sizes],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": ""},
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        check=True,
    )
    estimate, measured = map(int, done.stdout.split()[-2:])
    return estimate, measured


def _measure(preset: str, precision: str, batch: int, size: int) -> tuple[int, int]:
    """The estimate, and the growth of this process's peak memory, bytes."""
    import keras
    import tensorflow as tf

    from hrpn_tf.models.build import build_model
    from hrpn_tf.training.memory import training_bytes

    tf.zeros(1) + 1  # starts TensorFlow
    before = _peak()
    keras.config.set_dtype_policy(precision)
    network = build_model(preset, inputs=2)
    network.compile(optimizer=keras.optimizers.AdamW(), loss="mse")
    shape = (batch, size, size)
    for _ in range(2):
        network.train_on_batch(tf.ones((*shape, 2)), tf.ones((*shape, 1)))
    return training_bytes(network, size, batch), _peak() - before


def _peak() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


if __name__ == "__main__":
    main()
