"""Are the results the same if commands are killed at random moments and run again?

Kills (SIGKILL) the commands from ``simulate`` to ``benchmark`` on tiny slides, each at a random
moment of its undisturbed duration, and runs them again to the end. Half of the commands replace an
earlier result with ``--overwrite``. Then all files must be those of an undisturbed run, but for
times, dates and memory, and nothing else may be left. Prints a table; the exit code is 1 after a
difference.

    python benchmarks/experiments/kills.py --kills 200 --seed 0
"""

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).parents[1])

from experiments.same_results import contents, differences
from hrpn_tf.leftovers import clear

CONFIG = """
simulation: {slides: 4, groups: 4, height: 128, width: 128, pixel_size_um: 1, floor_draws: 2}
data:
  patch: 32
  stride: 32
  tissue: {method: all}
  split: {fold: null, validation: [animal-001], test: [animal-002, animal-003]}
model: {preset: hrpn-s}
training: {epochs: 2, steps_per_epoch: 4, batch_size: 2, checkpoint_steps: 2, pictures_every: 0}
"""
PLAN = "{scenarios: [tile], sides: [32], rounds: 2, seconds: 0.0}"
# Undisturbed runs after which a kill may come: the last steps are as interesting as the first.
_TAIL = 1.02
_SECONDS = 1800.0  # of a command, before it counts as hanging
_ENOUGH = 3  # differences of one trial that are printed


@dataclass(frozen=True)
class Tried:
    """A command that is killed.

    Attributes:
        name: of the command.
        arguments: of its command line; {base} is the folder of the inputs, {here} its own.
        before: commands whose results it needs in its own folder, as they leave them.
        out: what it writes, within its folder.
        dated: whether its results hold checksums of files with dates.
        overwrites: whether it has ``--overwrite``.
    """

    name: str
    arguments: str
    out: str
    before: str | None = None
    dated: bool = False
    overwrites: bool = True


COMMANDS = (
    Tried("simulate", "--config {base}/config.yaml --out {here}/slides", "slides"),
    Tried("prepare", "{base}/simulate/slides/slides.csv --config {base}/config.yaml "
          "--out {here}/patches", "patches"),
    # without the twin, which states the checksum of a file with a date
    Tried("fit", "{base}/prepare/patches --config {base}/config.yaml --out {here}/run --no-twin",
          "run"),
    Tried("predict", "--run {here}/run --workers 0 --tile 64", "run/predictions", "fit"),
    Tried("evaluate", "--run {here}/run --spatial --set spatial.bin_um=10", "run/evaluation",
          "predict"),
    Tried("calibrate", "{here}/run --no-guarantee", "run/calibrated", "fit"),
    Tried("export", "{here}/run --out {here}/bundle --keras --onnx --zip", "bundle", "fit",
          dated=True),
    Tried("report", "{here}/run", "run/report", "evaluate"),
    Tried("benchmark", "{base}/export/bundle --out {here}/report --plan {base}/plan.yaml", "report",
          dated=True, overwrites=False),
)  # fmt: skip


@dataclass(frozen=True)
class Undisturbed:
    """What a command leaves, and how long it takes, s."""

    files: dict[str, str]
    seconds: float


@dataclass(frozen=True)
class Trial:
    """One kill.

    Attributes:
        command: what is killed.
        overwrite: whether it replaces an earlier result.
        moment: of the kill, as a share of the undisturbed duration.
        problems: what differs; empty if nothing does.
        ended: whether the command ended before it was killed.
    """

    command: Tried
    overwrite: bool
    moment: float
    problems: tuple[str, ...] = ()
    ended: bool = False


def main() -> None:
    """Run the trials, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=200, help="number of kills (default: 200)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: 0)")
    parser.add_argument("--workers", type=int, default=2, help="trials at once (default: 2)")
    names = [command.name for command in COMMANDS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="commands to kill")
    parser.add_argument("--base", type=Path, help="folder to keep undisturbed results in")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hrpn-kills-") as scratch:
        base = (options.base or Path(scratch) / "base").resolve()
        undisturbed = dict(_undisturbed(base, _needed(options.only)))
        planned = _plan(options.kills, options.seed, options.only)
        with ThreadPoolExecutor(options.workers) as pool:
            place = Path(scratch)
            work = [
                pool.submit(_try, trial, base, place / f"{number}", undisturbed[trial.command.name])
                for number, trial in enumerate(planned)
            ]
            done = [one.result() for one in work]
    print(_table(done, undisturbed))
    sys.exit(1 if any(trial.problems for trial in done) else 0)


def _plan(kills: int, seed: int, names: Sequence[str]) -> Iterator[Trial]:
    """The commands in turn, at random moments."""
    dice = random.Random(seed)
    chosen = [command for command in COMMANDS if command.name in names]
    for number in range(kills):
        command = chosen[number % len(chosen)]
        overwrite = dice.random() < 0.5 and command.overwrites
        yield Trial(command, overwrite, dice.random() * _TAIL)


def _needed(names: Sequence[str]) -> set[str]:
    """Names of commands, and of those whose results they need."""
    needed = set(names)
    for command in reversed(COMMANDS):
        if command.name in needed:
            needed.update(re.findall(r"{base}/(\w+)/", command.arguments))
            needed.update({command.before} - {None})
    return needed


def _undisturbed(base: Path, names: set[str]) -> Iterator[tuple[str, Undisturbed]]:
    """Run commands once, each on the results of those before, and tell what they leave."""
    base.mkdir(parents=True, exist_ok=True)
    (base / "config.yaml").write_text(CONFIG, encoding="utf-8")
    (base / "plan.yaml").write_text(PLAN, encoding="utf-8")
    for command in [each for each in COMMANDS if each.name in names]:
        here, mark = base / command.name, base / f"{command.name}.seconds"
        if not mark.exists():
            shutil.rmtree(here, ignore_errors=True)
            _begin(command, base, here)
            started = time.monotonic()
            code, said = _run(command, base, here, [])
            if code:
                sys.exit(f"hrpn-tf {command.name}: exit code {code}, undisturbed: {said}")
            mark.write_text(f"{time.monotonic() - started}", encoding="utf-8")
        seconds = float(mark.read_text(encoding="utf-8"))
        yield command.name, Undisturbed(contents(here, dated=command.dated), seconds)


def _begin(command: Tried, base: Path, here: Path) -> None:
    """A folder with what the command needs."""
    if command.before is None:
        here.mkdir(parents=True)
    else:
        shutil.copytree(base / command.before, here)


def _try(trial: Trial, base: Path, here: Path, undisturbed: Undisturbed) -> Trial:
    """Kill a command and run it again."""
    command, options = trial.command, ["--overwrite"] if trial.overwrite else []
    if trial.overwrite:
        shutil.copytree(base / command.name, here)
    else:
        _begin(command, base, here)
    ended = _kill(command, base, here, options, trial.moment * undisturbed.seconds)
    problems = []
    if trial.overwrite:
        clear(here / command.out)
        if not (here / command.out).exists():
            problems.append("the earlier result is lost")
    code, said = _run(command, base, here, options)
    if code not in (0, 2):
        problems.append(f"exit code {code}: {said}")
    found = differences(undisturbed.files, contents(here, dated=command.dated))
    if found and code == 2:
        problems.append(f"exit code {code}: {said}")
    shutil.rmtree(here, ignore_errors=True)
    made = Trial(command, trial.overwrite, trial.moment, (*problems, *found), ended)
    _report(made)
    return made


def _kill(command: Tried, base: Path, here: Path, options: Sequence[str], seconds: float) -> bool:
    """Run a command and kill it, with its children; gives whether it ended before."""
    process = _start(command, base, here, options)
    try:
        process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return False
    return True


def _run(command: Tried, base: Path, here: Path, options: Sequence[str]) -> tuple[int, str]:
    """Exit code, and the last line on standard error."""
    process = _start(command, base, here, options)
    try:
        _, errors = process.communicate(timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return -1, f"not done after {_SECONDS:g} s"
    lines = errors.strip().splitlines()
    return process.returncode, lines[-1] if lines else ""


def _start(command: Tried, base: Path, here: Path, options: Sequence[str]) -> subprocess.Popen[str]:
    arguments = [part.format(base=base, here=here) for part in command.arguments.split()]
    return subprocess.Popen(
        [sys.executable, "-m", "hrpn_tf.cli.main", command.name, *arguments, *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )


def _report(trial: Trial) -> None:
    how = " --overwrite" if trial.overwrite else ""
    for problem in trial.problems[:_ENOUGH]:
        print(f"{trial.command.name}{how}, killed at {trial.moment:.0%}: {problem}", flush=True)


def _table(trials: Sequence[Trial], undisturbed: dict[str, Undisturbed]) -> str:
    """Markdown: what was killed how often, and with what result."""
    lines = ["| command | undisturbed, s | kills | with --overwrite | ended before | differences |",
             "|---|---:|---:|---:|---:|---:|"]  # fmt: skip
    for command in COMMANDS:
        own = [trial for trial in trials if trial.command == command]
        if own:
            counts = [len(own), *(sum(map(bool, column)) for column in zip(
                *((t.overwrite, t.ended, t.problems) for t in own), strict=True))]  # fmt: skip
            cells = " | ".join(map(str, counts))
            lines.append(f"| {command.name} | {undisturbed[command.name].seconds:.1f} | {cells} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
