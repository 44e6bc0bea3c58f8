"""Reads damaged files, one after the other, in a process that may be killed.

It takes lines ``KIND NUMBER`` and answers each with ``{"started": how}`` and a result.
"""

import contextlib
import json
import os
import shutil
import sys
import time
import traceback
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from experiments.fuzz.kinds import KINDS, forge, named_errors
from experiments.fuzz.mutations import mutate


def main() -> None:
    """Serve until the input ends."""
    made, work, seed = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    silence = os.open(work / f"log-{os.getpid()}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    warm: set[str] = set()

    def answer(values: dict[str, Any]) -> None:
        answers.write(json.dumps(values) + "\n")
        answers.flush()

    for line in sys.stdin:
        name, number = line.split()
        if name not in warm:
            warm.add(name)
            for sample in sorted((made / name).iterdir()):
                found = read(name, _copied(sample, work / f"undamaged-{os.getpid()}"))
                shutil.rmtree(work / f"undamaged-{os.getpid()}")
                if found["outcome"] != "read":
                    answer({"started": f"undamaged {sample.name}"})
                    answer({**found, "outcome": "undamaged"})
                    break
            else:
                _one(made / name, name, int(number), work, seed, answer)
            continue
        _one(made / name, name, int(number), work, seed, answer)


def _one(made: Path, name: str, number: int, work: Path, seed: int, answer: Any) -> None:
    random = np.random.default_rng([seed, zlib.crc32(name.encode()), number])
    samples = sorted(made.iterdir())
    sample = samples[int(random.integers(len(samples)))]
    path = _copied(sample, work / f"{name}-{number:05d}")
    how = f"{sample.name}: {mutate(random, path, KINDS[name].target)}"
    if KINDS[name].forge and random.random() < 0.85:
        forge(path)
    answer({"started": how})
    answer(read(name, path))


def read(name: str, path: Path) -> dict[str, Any]:
    """Read a damaged file: outcome, message, CPU seconds, and MB above what was held before."""
    before, start = _reset_peak(), time.process_time()
    result: dict[str, Any] = {"outcome": "read", "message": ""}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with named_errors() as said:
                KINDS[name].read(path)
        if said:
            result = {"outcome": "named", "message": said[0][:500]}
    except MemoryError:
        result = {"outcome": "memory", "message": traceback.format_exc()}
    except BaseException:  # noqa: BLE001 also SystemExit: a reader must not end the program
        result = {"outcome": "traceback", "message": traceback.format_exc()}
    result["cpu_s"] = time.process_time() - start
    result["peak_mb"] = max(0.0, _status("VmHWM") - before) / 1000
    return result


def _copied(sample: Path, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if sample.is_dir():
        return Path(shutil.copytree(sample, folder / sample.name))
    return Path(shutil.copy(sample, folder / sample.name))


def _reset_peak() -> float:
    """Let the peak begin anew; kB that are held now."""
    with contextlib.suppress(OSError):  # where it is not allowed, the peak is that of all files
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _status("VmRSS")


def _status(key: str) -> float:
    for line in (
        Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    ):
        if line.startswith(key + ":"):
            return float(line.split()[1])
    return 0.0


if __name__ == "__main__":
    main()
