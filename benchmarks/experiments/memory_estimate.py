"""Is the memory that ``fit`` expects a training step to need near what it takes?

    python benchmarks/experiments/memory_estimate.py

Prints, for each preset and precision, the estimate of ``hrpn_tf.training.memory`` and the measured
growth of resident memory over two training steps on a CPU, as a Markdown table. Every measurement
has a process of its own, and peaks are the system's (VmHWM).
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

MIB = 2**20


def main() -> None:
    """Measure each cell in a new process and print the table."""
    options = _options()
    if options.cell:
        print(*_measure(*options.cell, options.batch, options.size))
        return
    print(f"batch {options.batch} of {options.size} x {options.size} px\n")
    print("| network | precision | estimate, MB | measured, MB | estimate / measured |")
    print("|---|---|---|---|---|")
    for precision in options.precisions:
        for preset in options.presets:
            estimate, measured = _cell(preset, precision, options)
            print(
                f"| `{preset}` | {precision} | {estimate / MIB:.0f} | {measured / MIB:.0f} | "
                f"{estimate / measured:.2f} |",
                flush=True,
            )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--presets", nargs="+", default=["hrpn-published", "hrpn-s", "hrpn-m", "ganda-mse"])
    add("--precisions", nargs="+", default=["float32", "mixed_bfloat16"])
    add("--batch", type=int, default=8)
    add("--size", type=int, default=256, help="side of a patch, px")
    add("--cell", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def _cell(preset: str, precision: str, options: argparse.Namespace) -> tuple[int, int]:
    command = [sys.executable, __file__, "--cell", preset, precision]
    sizes = [f"--batch={options.batch}", f"--size={options.size}"]
    done = subprocess.run(
        [*command, *sizes],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": ""},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    estimate, measured = map(int, done.stdout.split()[-2:])
    return estimate, measured


def _measure(preset: str, precision: str, batch: int, size: int) -> tuple[int, int]:
    """Bytes estimated, and bytes by which the peak of this process grew."""
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
