"""How long is the wait for a predicted slide, by runtime, and for its first tile?

A run of a few training steps, whose speed is that of any other, predicts one slide in Keras, by its
twin and as a bundle, in turns, each in a process of its own. ``--before`` adds the same commands of
another installation, such as an earlier version. ``--until-first-tile`` ends each process before
its first tile, and gives its time on the processor until then, which other load disturbs least.
"""

import argparse
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from hrpn_tf.slides import open_slide, read_provenance, write_slide

_PART = re.compile(r"(start-up|loading the network|planning|prediction) ([\d.]+) s")
_BEFORE_THE_FIRST_TILE = ("start-up", "loading the network", "planning")
_SIDE = 512  # of the simulated slides, px
_SLIDES = 6
# Runs a command until the first tile is due, and prints the time of all its threads until then, s.
_UNTIL_FIRST_TILE = """
import os, sys, time
from hrpn_tf import waiting
part = waiting.Waiting.part
def until_prediction(self, name):
    if name == waiting.PREDICTION:
        print(time.process_time(), flush=True)
        os._exit(0)
    return part(self, name)
waiting.Waiting.part = until_prediction
from hrpn_tf.cli.main import run
run()
"""


@dataclass
class Waited:
    """What was measured of one command.

    Attributes:
        name: of the command.
        command: arguments, without the result.
        cache: folder of what its installation remembers of runtimes, which others may not read.
        seconds: wall time of each process, s.
        core_seconds: time of all its threads on the processor, s, which other load disturbs least.
        first_tile: time until the first tile is computed, s.
        prediction: time of the tiles, s.
    """

    name: str
    command: list[str]
    cache: Path
    seconds: list[float] = field(default_factory=list)
    core_seconds: list[float] = field(default_factory=list)
    first_tile: list[float] = field(default_factory=list)
    prediction: list[float] = field(default_factory=list)


def main() -> None:
    """Make what is missing, measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Plain)
    parser.add_argument("--folder", type=Path, default=Path("start-up"), help="is made, and kept")
    parser.add_argument("--preset", default="hrpn-m")
    parser.add_argument("--side", type=int, default=4096, help="of the slide, px")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--before", help="path of hrpn-tf of another installation")
    parser.add_argument("--until-first-tile", action="store_true")
    options = parser.parse_args()
    here = [sys.executable, "-m", "hrpn_tf"]
    run, bundle = _network(here, options.folder, options.preset)
    slide = _slide(options.folder, options.side)
    now, cache = [*here, "predict", slide], options.folder.absolute() / "cache"
    every = [
        Waited("`--run`, Keras", [*now, "--run", run, "--runtime", "keras"], cache),
        Waited("`--run`, auto", [*now, "--run", run], cache),
        Waited("`--bundle`, auto", [*now, "--bundle", bundle], cache),
    ]
    if options.before is not None:
        before, cache = [options.before, "predict", slide], cache.with_name("cache-before")
        every = [
            Waited("`--run`, before", [*before, "--run", run], cache),
            Waited("`--bundle`, before", [*before, "--bundle", bundle], cache),
            *every,
        ]
    outs = [options.folder / f"out-{number}.ome.tif" for number in range(len(every))]
    for each, out in zip(every, outs, strict=True):
        _predict(each.command, out, each.cache)  # measures the runtimes
    if options.until_first_tile:
        print(_until_first_tile(every, outs, options.rounds))
        return
    for _ in range(options.rounds):
        for each, out in zip(every, outs, strict=True):
            _measure(each, out)
    print(_table(every))
    first = _pixels(outs[0])
    for each, out in zip(every[1:], outs[1:], strict=True):
        apart = float(np.abs(_pixels(out) - first).max())
        runtime = read_provenance(out)["model"].get("runtime", "not stated")
        print(f"{each.name} ({runtime}): differs from {every[0].name} by at most {apart:.2g}")


class _Plain(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """The text above as it is, and the defaults."""


def _network(program: Sequence[str], folder: Path, preset: str) -> tuple[str, str]:
    """A run with its twin, and a bundle of it, made by the commands."""
    slides, patches = folder / "slides", folder / "patches"
    run, bundle = folder / "run", folder / "bundle"
    sizes = [f"--set=simulation.{key}={_SIDE}" for key in ("height", "width")]
    settings = {"epochs": 1, "steps_per_epoch": 8, "batch_size": 2}
    chosen = [f"--set=training.{key}={value}" for key, value in settings.items()]
    steps: list[tuple[Path, list[object]]] = [
        (slides, ["simulate", "--out", slides, f"--set=simulation.slides={_SLIDES}", *sizes]),
        (patches, ["prepare", slides / "slides.csv", "--out", patches, "--set=data.patch=128"]),
        (run, ["fit", patches, "--out", run, "--preset", preset, *chosen]),
        (bundle, ["export", run, "--out", bundle, "--onnx", "--tflite", "--precision=fp32"]),
    ]
    for made, arguments in steps:
        if not made.exists():
            subprocess.run([*program, *map(str, arguments)], check=True)
    return str(run), str(bundle)


def _slide(folder: Path, side: int) -> str:
    """A slide of any size, of parts of the simulated ones."""
    path = folder / f"slide-{side}.ome.tif"
    if not path.exists():
        parts = []
        for source in sorted((folder / "slides").glob("*.ome.tif")):
            with open_slide(source) as slide:
                info = slide.info
                parts.append(slide.read(0, 0, info.height, info.width, range(len(info.channels))))
        rng, count = np.random.default_rng(0), -(-side // _SIDE)
        chosen = rng.integers(len(parts), size=(count, count))
        rows = [np.concatenate([parts[n] for n in row], axis=1) for row in chosen]
        image = np.concatenate(rows, axis=0)[:side, :side]
        size = info.pixel_size_um
        write_slide(path, image, channels=info.channels, pixel_size_um=size, provenance={})
    return str(path)


def _measure(one: Waited, out: Path) -> None:
    began, used = time.perf_counter(), _core_seconds()
    said = _predict(one.command, out, one.cache)
    one.seconds.append(time.perf_counter() - began)
    one.core_seconds.append(_core_seconds() - used)
    parts = {name: float(seconds) for name, seconds in _PART.findall(said.splitlines()[-1])}
    one.first_tile.append(sum(parts.get(name, 0.0) for name in _BEFORE_THE_FIRST_TILE))
    one.prediction.append(parts["prediction"])


def _until_first_tile(every: Sequence[Waited], outs: Sequence[Path], rounds: int) -> str:
    """A table of the time on the processor until the first tile; see ``_table``."""
    for _ in range(rounds):
        for each, out in zip(every, outs, strict=True):
            program, arguments = each.command[0], each.command[each.command.index("predict") :]
            if Path(program).name == "hrpn-tf":
                program = str(Path(program).with_name("python"))
            command = [program, "-P", "-c", _UNTIL_FIRST_TILE, *arguments]
            # a planned prediction would be resumed
            shutil.rmtree(out.with_name(f".unfinished-{out.name}"), ignore_errors=True)
            said = _predict(command, out, each.cache)
            each.core_seconds.append(float(said.splitlines()[-1]))
    lines = ["| command | core-seconds to the first tile | ratio |", "|---|---:|---:|"]
    for each in every:
        ratio = _ratio(each.core_seconds, every[0].core_seconds)
        used = statistics.median(each.core_seconds)
        lines.append(f"| {each.name} | {used:.2f} | {ratio:.2f} |")
    return "\n".join(lines)


def _core_seconds() -> float:
    """Of all processes that have ended, s."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _predict(command: Sequence[str], out: Path, cache: Path) -> str:
    """What a command prints that predicts to ``out``."""
    done = subprocess.run(
        [*command, "--out", str(out), "--overwrite"],
        capture_output=True,
        text=True,
        check=True,
        encoding="utf-8",
        env={**os.environ, "XDG_CACHE_HOME": str(cache)},
    )
    return done.stdout.strip()


def _table(every: Sequence[Waited]) -> str:
    """Medians; a ratio is to the first command, the median of those of each round."""
    lines = [
        "| command | whole, s | ratio | core-seconds | ratio | first tile, s | tiles, s |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for each in every:
        measured = (each.seconds, each.core_seconds, each.first_tile, each.prediction)
        whole, cores, first, tiles = map(statistics.median, measured)
        lines.append(
            f"| {each.name} | {whole:.1f} | {_ratio(each.seconds, every[0].seconds):.2f} | "
            f"{cores:.1f} | {_ratio(each.core_seconds, every[0].core_seconds):.2f} | "
            f"{first:.1f} | {tiles:.1f} |"
        )
    return "\n".join(lines)


def _ratio(own: Sequence[float], first: Sequence[float]) -> float:
    return statistics.median(a / b for a, b in zip(own, first, strict=True))


def _pixels(path: Path) -> np.ndarray:
    with open_slide(path) as slide:
        return slide.read(0, 0, slide.info.height, slide.info.width, [0])


if __name__ == "__main__":
    main()
