"""How does whole-slide prediction compare with MONAI's sliding_window_inference?

    python benchmarks/experiments/sliding_window --out report.json
    python benchmarks/experiments/sliding_window --preset hrpn-s --size 8192 --groups ours exact

Every contestant runs in a fresh process, reads the same OME-TIFF, uses the same weights and writes
its result; within a round they take turns. Exactness is the difference from the untiled prediction:
the slide, reflected by a full halo, run at once by the same framework. Prints a Markdown table,
whose columns ``docs/results/sliding-window.md`` explains; ``--out`` also writes it beside a JSON
file with every sample. MONAI and PyTorch come with ``pip install hrpn-tf[bench]``; without them
only our side is measured.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from experiments.processes import Result, run_step
from experiments.sliding_window.contestants import GROUPS, OUR_TILE, Contestant, contestants
from experiments.sliding_window.step import busy_seconds
from experiments.sliding_window.table import markdown

LARGEST_REFERENCE = 4096  # px; a reference of this side takes 3 GB with the largest preset
QUIET_SECONDS, QUIET_CORES = 3.0, 0.1  # quiet: others use fewer cores, for so many seconds
WINDOW = 1024  # side of the windows in which results are compared, px


def main() -> None:
    """Measure, print the table, and write what was measured."""
    options = _options()
    files = [options.out, options.out.with_suffix(".md")] if options.out else []
    for path in files:
        if path.exists() and not options.overwrite:
            raise SystemExit(f"{path} exists already; name another file or add --overwrite")
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        report = _measure(Path(folder), options)
    table = markdown(report)
    print(table)
    for path, text in zip(files, (json.dumps(report, indent=1) + "\n", table), strict=False):
        path.write_text(text, encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--preset", default="hrpn-m", help="network of all contestants, untrained")
    add("--size", type=int, default=4096, help="side of the generated slide, px")
    add("--tissue", type=float, default=0.5, help="share of tissue in the generated slide")
    add("--slide", help="OME-TIFF with two channels to use instead")
    add("--groups", nargs="+", choices=GROUPS, default=GROUPS[:-1], help="groups of contestants")
    add(
        "--only",
        nargs="+",
        default=[""],
        help="of these, those with such a text in their name, and our first two",
    )
    add("--max-ram", default="2GB", help="memory that ours may use; MONAI has no such limit")
    add("--roi", type=int, default=1024, help="side of MONAI's window, px, halo included")
    add("--threads", type=int, default=len(os.sched_getaffinity(0)), help="threads of each")
    add("--rounds", type=int, default=3, help="measurements of each contestant")
    add("--timeout", type=float, default=900.0, help="limit for one measurement, s")
    add("--patience", type=float, default=0.0, help="longest wait for a quiet machine, s")
    add(
        "--scratch", type=Path, help="folder for slide and results  [the system's temporary folder]"
    )
    add("--out", type=Path, help="JSON file for every sample; the table goes beside it (.md)")
    add("--overwrite", action="store_true", help="replace an existing report")
    return parser.parse_args()


def _measure(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    made = {key: getattr(options, key) for key in ("preset", "size", "tissue", "slide")}
    sample = _run("prepare", folder, made, options.timeout)
    if "error" in sample:
        raise SystemExit(f"slide and network: {sample['error']}")
    window: tuple[int, int, int, int] = _window(sample)
    errors: dict[str, dict[str, float]] = {}
    able = sample["copy_difference"] is not None and find_spec("monai") is not None
    ours, every, *others = contestants(options.roi, sample["halo"], options.max_ram)
    others = [
        c for c in others if c.group in options.groups and any(t in c.name for t in options.only)
    ]
    chosen = [ours, every, *(c for c in others if able or c.step == "ours")]
    references = _references(folder, chosen, window, options)
    rounds: dict[str, list[Result]] = {contestant.name: [] for contestant in chosen}
    for number in range(options.rounds):
        for contestant in chosen:
            if any("error" in result for result in rounds[contestant.name]):
                continue  # it would fail in the next round, too
            our_tile = (rounds[every.name] or [{}])[0].get("tile")
            result = _compete(contestant, folder, our_tile, options)
            if "error" not in result and contestant.name not in errors:
                reference = references[contestant.framework]
                errors[contestant.name] = _difference(
                    folder / "result.ome.tif", reference, window, sample["halo"]
                )
            rounds[contestant.name].append(result)
            print(f"round {number + 1}: {_brief(contestant, result)}", file=sys.stderr, flush=True)
    return {
        "options": {key: str(value) for key, value in vars(options).items()},
        "sample": {**sample, "preset": options.preset, "window": window},
        "machine": _machine(options.threads),
        "left_out": None if able else "MONAI: it or PyTorch is not installed",
        "contestants": [
            {**vars(c), "difference": errors.get(c.name), "rounds": rounds[c.name]} for c in chosen
        ],
    }


def _run(step: str, folder: Path, settings: dict[str, Any], timeout: float, **env: str) -> Result:
    """One step in a new process."""
    return run_step(
        "experiments.sliding_window.step",
        [step, str(folder), json.dumps(settings)],
        timeout=timeout,
        environment={"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "", **env},
    )


def _compete(
    contestant: Contestant,
    folder: Path,
    our_tile: tuple[int, int] | None,
    options: argparse.Namespace,
) -> Result:
    _wait_for_quiet(options.patience)
    settings = {**contestant.settings, "threads": options.threads, "out": "result.ome.tif"}
    if settings.get("roi") == OUR_TILE:
        if our_tile is None:
            return {"error": "our tile is not known, since our prediction failed"}
        settings["roi"] = our_tile
    return _run(contestant.step, folder, settings, options.timeout, **contestant.environment)


def _wait_for_quiet(seconds: float) -> None:
    """Wait until other processes use little of the machine, for ``seconds`` at most."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        before = busy_seconds()
        time.sleep(QUIET_SECONDS)
        if busy_seconds() - before < QUIET_CORES * QUIET_SECONDS:
            return


def _window(sample: dict[str, Any]) -> tuple[int, int, int, int]:
    """The slide, or its middle if the whole is too large to be run at once."""
    height, width = (min(sample[side], LARGEST_REFERENCE) for side in ("height", "width"))
    return (sample["height"] - height) // 2, (sample["width"] - width) // 2, height, width


def _references(
    folder: Path,
    chosen: list[Contestant],
    window: tuple[int, int, int, int],
    options: argparse.Namespace,
) -> dict[str, np.ndarray]:
    """The untiled prediction of the window by each framework in use."""
    references = {}
    for framework in sorted({contestant.framework for contestant in chosen}):
        out = f"reference-{framework}.npy"
        settings = {"engine": framework, "threads": options.threads, "window": window, "out": out}
        result = _run("reference", folder, settings, options.timeout)
        if "error" in result:
            raise SystemExit(f"untiled prediction by {framework}: {result['error']}")
        references[framework] = np.load(folder / out, mmap_mode="r")
    return references


def _difference(
    result: Path, reference: np.ndarray, window: tuple[int, int, int, int], halo: int
) -> dict[str, float]:
    """Largest and mean absolute difference, and the largest apart from the edges; grey levels."""
    from hrpn_tf.slides import iter_windows, open_slide

    top, left, height, width = window
    largest = inside = total = 0.0
    with open_slide(result) as slide:
        info = slide.info
        for y, x, h, w in iter_windows(height, width, WINDOW):
            got = slide.read(top + y, left + x, h, w, [0]).astype(np.float64)
            error = np.abs(got - reference[y : y + h, x : x + w])
            largest, total = max(largest, float(error.max())), total + float(error.sum())
            rows = _inner(top + y, h, info.height, halo)
            columns = _inner(left + x, w, info.width, halo)
            inside = max(inside, float(error[rows, columns].max(initial=0.0)))
    return {"largest": largest, "inside": inside, "mean": total / (height * width)}


def _inner(start: int, length: int, side: int, halo: int) -> slice:
    """Those of some rows or columns that are at least a halo away from the slide's edges."""
    return slice(max(0, halo - start), max(0, min(length, side - halo - start)))


def _machine(threads: int) -> dict[str, Any]:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return {
        "processor": next(names, platform.machine()),
        "cores": len(os.sched_getaffinity(0)),
        "threads": threads,
        "date": time.strftime("%Y-%m-%d"),
    }


def _brief(contestant: Contestant, result: Result) -> str:
    if "error" in result:
        return f"{contestant.name}: {result['error']}"
    seconds = f"{result['seconds']:.2f} s, {result['cpu_seconds']:.2f} s of processor"
    memory, others = result["above"] / 1e6, result["others"]
    return f"{contestant.name}: {seconds}, {memory:.0f} MB (others: {others:.2f} cores)"


if __name__ == "__main__":
    main()
