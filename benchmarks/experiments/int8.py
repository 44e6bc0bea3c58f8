"""Does int8 or bfloat16 pay on this processor, and what does it cost?

    python benchmarks/experiments/int8.py BUNDLE
    python benchmarks/experiments/int8.py hrpn-m=m hrpn-s=s --size 1024 --threads 2 --rounds 40

Every file runs once per round in each of its runtimes, so that other work of the machine affects
all alike. A ratio is the median over rounds of the time / that of the fastest float32 runtime, with
a 95 % interval of the median by bootstrap. Processor time is less sensitive to other work than wall
time. Losses are those of the certificate: on slides that chose nothing.
"""

import argparse
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from hrpn_export import open_bundle, open_session
from hrpn_export.bundle import Bundle
from hrpn_export.certificate import CertificateEntry
from hrpn_export.measure import mosaic

_FLAGS = re.compile(r"avx_vnni|avx512_vnni|amx_int8|avx512_bf16|amx_bf16")


@dataclass
class Timed:
    """One format in one runtime, and its seconds in each round."""

    entry: CertificateEntry
    run: Callable[[np.ndarray], np.ndarray]
    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)


def time_bundle(bundle: Bundle, size: int, threads: int, rounds: int) -> list[Timed]:
    """Time every certified format of a bundle in every runtime; the TensorFlow ones are left out.

    Args:
        bundle: an open bundle.
        size: side of the tile, px.
        threads: number of threads of each runtime.
        rounds: measurements of each.
    """
    side = size // bundle.contract.stride_multiple * bundle.contract.stride_multiple
    tile = mosaic(bundle.example()[0], side)[None].astype(np.float32)
    timed = []
    for entry in bundle.certificate.entries:
        if entry.runtime in ("keras", "tensorflow") or entry.problem is not None:
            continue
        session = open_session(
            bundle, entry.format, entry.precision, runtime=entry.runtime, threads=threads
        )
        timed.append(Timed(entry, session))
    for each in timed:
        each.run(tile)  # the first run of a size plans its memory
    for _ in range(rounds):
        for each in timed:
            wall, processor = time.perf_counter(), time.process_time()
            each.run(tile)
            each.wall.append(time.perf_counter() - wall)
            each.processor.append(time.process_time() - processor)
    return timed


def ratio(ours: list[float], base: list[float]) -> tuple[float, float, float]:
    """Median of the ratios of each round, and a 95 % interval of the median."""
    ratios = np.asarray(ours) / np.asarray(base)
    random = np.random.default_rng(0)
    medians = np.median(random.choice(ratios, (2000, len(ratios))), axis=1)
    low, high = np.quantile(medians, [0.025, 0.975])
    return float(np.median(ratios)), float(low), float(high)


def rows(name: str, timed: list[Timed]) -> list[str]:
    """Rows of the table, the fastest first."""
    plain = [each for each in timed if each.entry.precision == "fp32"]
    base = min(plain, key=lambda each: float(np.median(each.processor)))
    found = []
    for each in sorted(timed, key=lambda each: float(np.median(each.processor))):
        wall, processor = ratio(each.wall, base.wall), ratio(each.processor, base.processor)
        loss = max(measured.mse_change for measured in each.entry.measured)
        gains = {stress.gain: stress.largest for stress in each.entry.stress}
        found.append(
            f"| `{name}` | {each.entry.format} {each.entry.precision} | {each.entry.runtime} "
            f"| {1e3 * float(np.median(each.wall)):.0f} "
            f"| {wall[0]:.2f} ({wall[1]:.2f} to {wall[2]:.2f}) "
            f"| {processor[0]:.2f} ({processor[1]:.2f} to {processor[2]:.2f}) "
            f"| {loss:+.2%} | {gains.get(3.0, float('nan')):.2g} |"
        )
    return found


def instructions() -> str:
    """The instructions of this processor for int8 and bfloat16, as Linux names them."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return "not known"
    return ", ".join(sorted(set(_FLAGS.findall(text)))) or "none"


def main() -> None:
    """Time bundles and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("bundles", nargs="+", metavar="[NAME=]BUNDLE", help="bundles to time")
    parser.add_argument("--size", type=int, default=512, help="side of the tile, px")
    parser.add_argument("--threads", type=int, default=1, help="threads of each runtime")
    parser.add_argument("--rounds", type=int, default=25, help="measurements of each")
    arguments = parser.parse_args()
    print(
        f"{arguments.size} x {arguments.size} px, batch 1, {arguments.threads} threads, "
        f"{arguments.rounds} rounds; instructions: {instructions()}\n"
    )
    print(
        "| network | format | runtime | ms | time / fastest fp32 | processor time / fastest fp32 "
        "| change of MSE | largest difference at gain 3 |\n|---|---|---|---:|---|---|---:|---:|"
    )
    for given in arguments.bundles:
        name, _, path = given.rpartition("=")
        bundle = open_bundle(path)
        timed = time_bundle(bundle, arguments.size, arguments.threads, arguments.rounds)
        print("\n".join(rows(name or bundle.manifest.name, timed)))


if __name__ == "__main__":
    main()
