"""How much time do prediction intervals cost? A calibrated network compared with the plain one.

    python benchmarks/experiments/interval_cost.py RUN
    python benchmarks/experiments/interval_cost.py RUN --size 512 --threads 1 --rounds 20

Both are measured in Keras, ONNX and TFLite. All run once per round, so that other work of the
machine affects all alike. The ratio is the median over rounds of the processor time with intervals
/ without; wall time would include other work of the machine.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras
    from hrpn_export import Contract, Session

FORMATS = ("keras", "onnx", "tflite")


def main() -> None:
    """Measure and print one line per format."""
    arguments = _arguments()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from hrpn_export.keras_session import limit_threads

    limit_threads(arguments.threads)
    from hrpn_tf.models.graph import count_macs
    from hrpn_tf.runs import open_run

    run = open_run(arguments.run)
    plain, contract = run.load_network(), run.contract
    calibrated, wider = run.calibration.load_network(), run.calibration.contract
    size = arguments.size
    macs = count_macs(calibrated, size, size) / count_macs(plain, size, size) - 1
    image = np.random.default_rng(0).integers(0, 200, (1, size, size, len(contract.inputs)))
    batch = image.astype(np.float32)
    print(f"{size} x {size} px, batch 1, float32, {arguments.threads} threads: {macs:+.2%} MACs")
    with tempfile.TemporaryDirectory() as folder:
        for name in FORMATS:
            pair = [
                _session(name, model, stated, Path(folder) / f"{name}{number}", arguments.threads)
                for number, (model, stated) in enumerate([(plain, contract), (calibrated, wider)])
            ]
            same = np.array_equal(pair[0](batch), pair[1](batch)[..., :1])
            before, ratio = _times(pair, batch, arguments.rounds)
            print(
                f"{name}: {1e3 * before:.1f} ms without, {ratio - 1:+.1%} with; prediction "
                f"{'bit for bit the same' if same else 'differs'}"
            )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path, help="run folder after hrpn-tf calibrate")
    parser.add_argument("--size", type=int, default=512, help="side of the patch, px")
    parser.add_argument("--threads", type=int, default=1, help="threads of the runtimes")
    parser.add_argument("--rounds", type=int, default=20, help="measurements of each network")
    return parser.parse_args()


def _session(
    name: str, model: "keras.Model", contract: "Contract", folder: Path, threads: int
) -> "Session":
    from hrpn_export.formats import find_format
    from hrpn_export.formats.table import Source
    from hrpn_export.keras_session import KerasSession
    from hrpn_export.runtimes import find_runtime

    if name == "keras":
        return KerasSession(model, contract)
    folder.mkdir()
    row = find_format(name)
    path = row.exporter()(Source(model, contract), "fp32", folder)
    return find_runtime(row.runtimes[0]).opener()(path, contract, "cpu", threads)


def _times(
    pair: list[Callable[[np.ndarray], np.ndarray]], batch: np.ndarray, rounds: int
) -> tuple[float, float]:
    """Median time of the first, s, and median ratio of the second to it."""
    for run in pair:
        run(batch)
    times = []
    for _ in range(rounds):
        starts = [time.process_time()]
        for run in pair:
            run(batch)
            starts.append(time.process_time())
        times.append((starts[1] - starts[0], starts[2] - starts[1]))
    return median(one for one, _ in times), median(two / one for one, two in times)


if __name__ == "__main__":
    main()
