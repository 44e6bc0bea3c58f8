"""How close do training and prediction come to the limits of the processor?

    python benchmarks/experiments/accelerator
    python benchmarks/experiments/accelerator --presets hrpn-m --batch 4 --size 256 --out cpu.json
    python benchmarks/experiments/accelerator --backend jax --originals --out gpu.json

Measures patches per second and memory of each preset in each precision, and prints a Markdown
table; ``docs/results/accelerator.md`` explains its columns. Runs on TensorFlow or, with
--backend jax or where TensorFlow is not installed, on JAX, and then needs only keras, numpy and
jax. --originals adds the published networks in PyTorch, compiled, and needs torch. Every
measurement runs in a fresh process, so that its memory is its own; a failure becomes a row with the
reason. Within a round all networks take turns.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median, quantiles

from experiments.processes import Result, run_step
from hrpn_tf.errors import ConfigError
from hrpn_tf.models.presets import find_preset

ORIGINALS = ("hrpn-pytorch", "pix2pix-pytorch")  # see originals.py
TENSOR_RATES = "makers' data sheets, dense; float32 as TF32 on tensor cores"
# Name that the driver reports: TFLOP/s in TF32 and in bfloat16, without sparsity; GB/s of memory.
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


@dataclass(frozen=True)
class Measurement:
    """One measurement; ``work`` is "train", "forward" or "limits"."""

    work: str
    preset: str
    precision: str


@dataclass(frozen=True)
class Limits:
    """Operations and bytes per second that the device can do, and the source of these values."""

    operations: float
    bytes: float
    source: str


def main() -> None:
    """Measure, print the table, and write what was measured."""
    options = _options()
    _check_presets(options.presets)
    if options.out and options.out.exists():
        raise SystemExit(f"{options.out} exists already; name another file")
    measurements = [
        Measurement(work, preset, precision)
        for work in options.work
        for precision in options.precisions
        for preset in [*options.presets, *(ORIGINALS if options.originals else ())]
    ]
    results: dict[Measurement, list[Result]] = {measurement: [] for measurement in measurements}
    for number in range(options.rounds):
        for measurement in measurements:
            if any("error" in result for result in results[measurement]):
                continue  # it would fail in the next round, too
            result = _run(measurement, options)
            results[measurement].append(result)
            print(f"round {number + 1}: {_brief(measurement, result)}", file=sys.stderr, flush=True)
    limits = _limits(options, results)
    print("\n".join(_report(options, results, limits)))
    if options.out:
        options.out.write_text(_as_json(options, results, limits), encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    presets = ["hrpn-published", "hrpn-m", "ganda-mse"]
    add("--presets", nargs="+", default=presets, help="networks to measure")
    default = "tensorflow" if find_spec("tensorflow") else "jax"
    default = os.environ.get("KERAS_BACKEND", default)
    add("--backend", choices=["tensorflow", "jax"], default=default, help="of Keras")
    add("--originals", action="store_true", help="also the published networks in PyTorch, compiled")
    add("--precisions", nargs="+", default=["float32", "mixed_bfloat16"], help="dtype policies")
    works = ["train", "forward"]
    add("--work", nargs="+", choices=works, default=works, help="training steps, forward passes")
    add("--batch", type=int, default=32, help="patches per step")
    add("--size", type=int, default=512, help="side of a patch, px")
    add("--steps", type=int, default=10, help="smallest number of timed steps")
    add("--seconds", type=float, default=5.0, help="shortest timed duration, s")
    add("--rounds", type=int, default=2, help="measurements of each network, in fresh processes")
    add("--timeout", type=float, default=900.0, help="limit for one measurement, s")
    add("--xla", action="store_true", help="compile with XLA on TensorFlow; JAX always does")
    add("--measure-limits", action="store_true", help="measure limits even if they are known")
    rate, given = "POLICY=TFLOP/s", "peak rates that replace the known ones"
    add("--peak-tflops", nargs="+", type=_peak, default=[], metavar=rate, help=given)
    add("--bandwidth-gbs", type=float, help="memory bandwidth that replaces the known one, GB/s")
    add("--out", type=Path, help="JSON file for all measurements")
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


def _run(measurement: Measurement, options: argparse.Namespace) -> Result:
    """One measurement in a new process."""
    arguments = [measurement.work, f"--precision={measurement.precision}"]
    arguments += [f"--preset={measurement.preset}", f"--batch={options.batch}"]
    arguments += [f"--size={options.size}", f"--steps={options.steps}"]
    arguments += [f"--seconds={options.seconds}", *["--xla"] * options.xla]
    module = "originals" if measurement.preset in ORIGINALS else "measurement"
    return run_step(
        f"experiments.accelerator.{module}",
        arguments,
        timeout=options.timeout,
        environment={"KERAS_BACKEND": options.backend},
    )


def _limits(
    options: argparse.Namespace, results: dict[Measurement, list[Result]]
) -> dict[str, Limits | None]:
    """The limits for each precision; None where nothing ran."""
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
    """The limits of a device in the table, for a precision of its tensor cores; else None."""
    column = {"float32": 0, "bfloat16": 1, "float16": 1}.get(precision.removeprefix("mixed_"))
    if device not in DEVICES or column is None:
        return None
    rates = DEVICES[device]
    return Limits(1e12 * rates[column], 1e9 * rates[2], TENSOR_RATES)


def _measured_limits(precision: str, options: argparse.Namespace) -> Limits | None:
    result = _run(Measurement("limits", "", precision), options)
    if "error" in result:
        print(f"limits of {precision}: {result['error']}", file=sys.stderr)
        return None
    rates = (result["operations_per_second"], result["bytes_per_second"])
    return Limits(*rates, "measured here with a large matrix product and a large copy")


def _brief(measurement: Measurement, result: Result) -> str:
    name = f"{measurement.work} {measurement.preset} {measurement.precision}"
    if "error" in result:
        return f"{name}: {result['error']}"
    return f"{name}: {1e3 * median(result['seconds']):.1f} ms"


HEADER = (
    *("network", "precision", "work", "patches/s", "ms", "memory, MB"),
    *("TFLOP/s", "of the matrix rate", "GB/s", "of the bandwidth", "nearer limit"),
)


def _report(
    options: argparse.Namespace,
    results: dict[Measurement, list[Result]],
    limits: dict[str, Limits | None],
) -> Iterator[str]:
    """The machine, a Markdown table of the measurements, and the limits."""
    worked = [r for each in results.values() for r in each if "error" not in r]
    if worked:
        found = {name: number for result in worked for name, number in result["versions"].items()}
        versions = ", ".join(f"{name} {number}" for name, number in found.items())
        yield (
            f"Measured on {_devices(worked)}; {versions}; batch {options.batch} of "
            f"{options.size} x {options.size} px\n"
        )
    yield f"| {' | '.join(HEADER)} |"
    yield "|" + "---|" * len(HEADER)
    for measurement, measured in results.items():
        columns = _columns(options.batch, measured, limits[measurement.precision])
        case = (f"`{measurement.preset}`", measurement.precision, measurement.work)
        yield f"| {' | '.join([*case, *columns])} |"
    yield ""
    for precision, limit in limits.items():
        if limit:
            yield (
                f"Limits in {precision}: {limit.operations / 1e12:.3g} TFLOP/s, "
                f"{limit.bytes / 1e9:.4g} GB/s ({limit.source})."
            )


def _devices(worked: list[Result]) -> str:
    """Where it was measured; says so if that was no GPU, or not the same for all."""
    names = dict.fromkeys(result["device"] for result in worked)
    on_gpu = all(result.get("accelerator", True) for result in worked)
    return f"{' and '.join(names)}{'' if on_gpu else ' (a processor, no GPU)'}"


def _columns(batch: int, measured: list[Result], limits: Limits | None) -> list[str]:
    for result in measured:
        if "error" in result:
            return [result["error"], *[""] * (len(HEADER) - 4)]
    seconds = [s for result in measured for s in result["seconds"]]
    middle, quarters = median(seconds), quantiles(seconds, n=4)
    operations = measured[0]["operations"] / middle
    moved = measured[0].get("bytes", 0) / middle  # not counted for PyTorch
    columns = [
        f"{batch / middle:.3g}",
        f"{_short(1e3 * middle)} ± {_short(500 * (quarters[2] - quarters[0]))}",
        f"{max(result['memory'] for result in measured) / 1e6:.0f}",
    ]
    rate = f"{moved / 1e9:.3g}" if moved else ""
    if limits is None:
        return [*columns, f"{operations / 1e12:.3g}", "", rate, "", ""]
    shares = (operations / limits.operations, moved / limits.bytes)
    nearer = "matrix rate" if shares[0] > shares[1] else "bandwidth"
    return [
        *columns,
        *(f"{operations / 1e12:.3g}", f"{shares[0]:.0%}"),
        *((rate, f"{shares[1]:.0%}", nearer) if moved else ("", "", "")),
    ]


def _short(value: float) -> str:
    """Three digits, without an exponent where possible."""
    return f"{float(f'{value:.3g}'):g}"


def _as_json(
    options: argparse.Namespace,
    results: dict[Measurement, list[Result]],
    limits: dict[str, Limits | None],
) -> str:
    report = {
        "batch": options.batch,
        "size": options.size,
        "xla": options.xla,
        "backend": options.backend,
        "limits": {name: vars(limit) if limit else None for name, limit in limits.items()},
        "measurements": [{**vars(each), "rounds": rounds} for each, rounds in results.items()],
    }
    return json.dumps(report, indent=1) + "\n"


if __name__ == "__main__":
    main()
