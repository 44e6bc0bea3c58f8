"""How near do training and prediction come to the limits of the processor?

    python benchmarks/experiments/accelerator
    python benchmarks/experiments/accelerator --presets hrpn-m --batch 4 --size 256 --out cpu.json

Measures patches per second and memory of each preset in each precision, and prints a Markdown
table; ``docs/results/accelerator.md`` says what its columns mean. Runs on TensorFlow or, with
KERAS_BACKEND=jax or where there is no TensorFlow, on JAX, and then needs no more than keras, numpy
and jax. Every measurement has a process of its own, so that memory is its own, and one that fails
is a row that says why. Within a round all networks take turns.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from hrpn_tf.errors import ConfigError
from hrpn_tf.models.presets import find_preset

CELL = Path(__file__).with_name("cell.py")

TENSOR_RATES = "makers' data sheets, dense; float32 as TF32 on tensor cores"
# Name that the driver gives: TFLOP/s in TF32 and in bfloat16, without sparsity; GB/s of memory.
DEVICES = {
    "NVIDIA H200": (495, 989, 4800),
    "NVIDIA H100 80GB HBM3": (495, 989, 3350),
    "NVIDIA H100 PCIe": (378, 756, 2000),
    "NVIDIA A100-SXM4-80GB": (156, 312, 2039),
    "NVIDIA A100 80GB PCIe": (156, 312, 1935),
    "NVIDIA A100-SXM4-40GB": (156, 312, 1555),
    "NVIDIA A100-PCIE-40GB": (156, 312, 1555),
    "NVIDIA L40S": (183, 362, 864),
    "NVIDIA L4": (60, 121, 300),
    "NVIDIA GeForce RTX 4090": (82.6, 165.2, 1008),
    "NVIDIA GeForce RTX 3090": (35.6, 71.2, 936),
}

Result = dict[str, Any]  # what a cell printed, or {"error": why there is nothing}


@dataclass(frozen=True)
class Cell:
    """What is measured: ``work`` is "train", "forward" or "limits"."""

    work: str
    preset: str
    precision: str


@dataclass(frozen=True)
class Limits:
    """Operations and bytes per second that the device can do, and who says so."""

    operations: float
    bytes: float
    source: str


def main() -> None:
    """Measure, print the table, and write what was measured."""
    options = _options()
    _check_presets(options.presets)
    if options.out and options.out.exists():
        raise SystemExit(f"{options.out} exists already; name another file")
    cells = [
        Cell(work, preset, precision)
        for work in options.work
        for precision in options.precisions
        for preset in options.presets
    ]
    results: dict[Cell, list[Result]] = {cell: [] for cell in cells}
    for number in range(options.rounds):
        for cell in cells:
            if any("error" in result for result in results[cell]):
                continue  # it will not be otherwise in the next round
            result = _run(cell, options)
            results[cell].append(result)
            print(f"round {number + 1}: {_brief(cell, result)}", file=sys.stderr, flush=True)
    limits = _limits(options, results)
    print("\n".join(_report(options, results, limits)))
    if options.out:
        options.out.write_text(_as_json(options, results, limits), encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--presets", nargs="+", default=["hrpn-published", "hrpn-m", "ganda-mse"])
    add("--precisions", nargs="+", default=["float32", "mixed_bfloat16"])
    add("--work", nargs="+", choices=["train", "forward"], default=["train", "forward"])
    add("--batch", type=int, default=32)
    add("--size", type=int, default=512, help="side of a patch, px")
    add("--steps", type=int, default=10, help="timed steps of a measurement, at least")
    add("--seconds", type=float, default=5.0, help="timed seconds of a measurement, at least")
    add("--rounds", type=int, default=2, help="measurements of each, in new processes")
    add("--timeout", type=float, default=900.0, help="seconds that a measurement may take in all")
    add("--xla", action="store_true", help="compile with XLA on TensorFlow; JAX always does")
    add("--measure-limits", action="store_true", help="also of a device whose limits are known")
    rate = "POLICY=TFLOP/s"
    add("--peak-tflops", nargs="+", type=_peak, default=[], metavar=rate, help="instead of ours")
    add("--bandwidth-gbs", type=float, help="GB/s of the memory, instead of ours")
    add("--out", type=Path, help="JSON file for all that was measured")
    return parser.parse_args()


def _peak(text: str) -> tuple[str, float]:
    policy, _, rate = text.partition("=")
    return policy, float(rate)


def _check_presets(names: list[str]) -> None:
    try:
        for name in names:
            find_preset(name)
    except ConfigError as error:
        raise SystemExit(f"--presets: {error}") from None


def _run(cell: Cell, options: argparse.Namespace) -> Result:
    """One measurement in a new process."""
    backend = "tensorflow" if find_spec("tensorflow") else "jax"
    command = [sys.executable, str(CELL), cell.work, f"--precision={cell.precision}"]
    command += [f"--preset={cell.preset}", f"--batch={options.batch}", f"--size={options.size}"]
    command += [f"--steps={options.steps}", f"--seconds={options.seconds}"]
    try:
        done = subprocess.run(
            command + ["--xla"] * options.xla,
            env={"KERAS_BACKEND": backend, **os.environ},
            capture_output=True,
            text=True,
            timeout=options.timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"not done after {options.timeout:.0f} s"}
    if done.returncode:
        return {"error": why_it_failed(done.returncode, done.stderr)}
    result: Result = json.loads(done.stdout.splitlines()[-1])
    return result


def why_it_failed(returncode: int, stderr: str) -> str:
    """One line for the table."""
    if re.search(r"RESOURCE_EXHAUSTED|ResourceExhausted|MemoryError|\bOOM\b|bad_alloc", stderr):
        return "out of memory"
    if returncode < 0:
        return f"killed by signal {-returncode}" + (", out of memory?" if returncode == -9 else "")
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return lines[-1].replace("|", "/")[:120] if lines else f"exit status {returncode}"


def _limits(
    options: argparse.Namespace, results: dict[Cell, list[Result]]
) -> dict[str, Limits | None]:
    """By precision; None where nothing ran."""
    worked = [r for each in results.values() for r in each if "error" not in r]
    limits: dict[str, Limits | None] = dict.fromkeys(options.precisions)
    for precision in options.precisions if worked else ():
        known = None if options.measure_limits else known_limits(worked[0]["device"], precision)
        given = dict(options.peak_tflops).get(precision)
        if not known and not (given and options.bandwidth_gbs):
            known = _measured_limits(precision, options)
        operations, moved = 1e12 * (given or 0.0), 1e9 * (options.bandwidth_gbs or 0.0)
        if known:
            source = f"given, else {known.source}" if operations or moved else known.source
            limits[precision] = Limits(operations or known.operations, moved or known.bytes, source)
        elif operations and moved:
            limits[precision] = Limits(operations, moved, "given")
    return limits


def known_limits(device: str, precision: str) -> Limits | None:
    """Of a device in the table and a precision that its tensor cores compute in."""
    column = {"float32": 0, "bfloat16": 1, "float16": 1}.get(precision.removeprefix("mixed_"))
    if device not in DEVICES or column is None:
        return None
    rates = DEVICES[device]
    return Limits(1e12 * rates[column], 1e9 * rates[2], TENSOR_RATES)


def _measured_limits(precision: str, options: argparse.Namespace) -> Limits | None:
    result = _run(Cell("limits", "", precision), options)
    if "error" in result:
        print(f"limits of {precision}: {result['error']}", file=sys.stderr)
        return None
    rates = (result["operations_per_second"], result["bytes_per_second"])
    return Limits(*rates, "measured here with a large matrix product and a large copy")


def _brief(cell: Cell, result: Result) -> str:
    name = f"{cell.work} {cell.preset} {cell.precision}"
    if "error" in result:
        return f"{name}: {result['error']}"
    return f"{name}: {1e3 * median(result['seconds']):.1f} ms"


HEADER = (
    *("network", "precision", "work", "patches/s", "ms", "memory, MB"),
    *("TFLOP/s", "of the matrix rate", "GB/s", "of the bandwidth", "nearer limit"),
)


def _report(
    options: argparse.Namespace,
    results: dict[Cell, list[Result]],
    limits: dict[str, Limits | None],
) -> Iterator[str]:
    """The lines of a Markdown table, with what it was measured on before it and limits after."""
    for result in [r for each in results.values() for r in each if "error" not in r][:1]:
        versions = ", ".join(f"{name} {number}" for name, number in result["versions"].items())
        yield (
            f"{result['device']}; {versions}; batch {options.batch} of "
            f"{options.size} x {options.size} px\n"
        )
    yield f"| {' | '.join(HEADER)} |"
    yield "|" + "---|" * len(HEADER)
    for cell, measured in results.items():
        columns = _columns(options.batch, measured, limits[cell.precision])
        yield f"| `{cell.preset}` | {cell.precision} | {cell.work} | {' | '.join(columns)} |"
    yield ""
    for precision, limit in limits.items():
        if limit:
            yield (
                f"Limits in {precision}: {limit.operations / 1e12:.3g} TFLOP/s, "
                f"{limit.bytes / 1e9:.4g} GB/s ({limit.source})."
            )


def _columns(batch: int, measured: list[Result], limits: Limits | None) -> list[str]:
    for result in measured:
        if "error" in result:
            return [result["error"], *[""] * (len(HEADER) - 4)]
    seconds = [s for result in measured for s in result["seconds"]]
    middle, quarters = median(seconds), quantiles(seconds, n=4)
    operations, moved = measured[0]["operations"] / middle, measured[0]["bytes"] / middle
    columns = [
        f"{batch / middle:.3g}",
        f"{_short(1e3 * middle)} ± {_short(500 * (quarters[2] - quarters[0]))}",
        f"{max(result['memory'] for result in measured) / 1e6:.0f}",
    ]
    if limits is None:
        return [*columns, f"{operations / 1e12:.3g}", "", f"{moved / 1e9:.3g}", "", ""]
    shares = (operations / limits.operations, moved / limits.bytes)
    nearer = "matrix rate" if shares[0] > shares[1] else "bandwidth"
    return [
        *columns,
        *(f"{operations / 1e12:.3g}", f"{shares[0]:.0%}"),
        *(f"{moved / 1e9:.3g}", f"{shares[1]:.0%}", nearer),
    ]


def _short(value: float) -> str:
    """Three digits, and no exponent where none is needed."""
    return f"{float(f'{value:.3g}'):g}"


def _as_json(
    options: argparse.Namespace,
    results: dict[Cell, list[Result]],
    limits: dict[str, Limits | None],
) -> str:
    report = {
        "batch": options.batch,
        "size": options.size,
        "xla": options.xla,
        "limits": {name: vars(limit) if limit else None for name, limit in limits.items()},
        "measurements": [{**vars(cell), "rounds": rounds} for cell, rounds in results.items()],
    }
    return json.dumps(report, indent=1) + "\n"


if __name__ == "__main__":
    main()
