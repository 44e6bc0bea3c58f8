"""Do damaged files of any kind end in a traceback, a hang or a lack of memory?

Small valid files are made, damaged by a seeded generator (bytes, values of JSON, YAML and CSV,
links and pipes in folders), and read as the commands read them. Every file must be read or refused
with a named error, within 10 s of CPU time and 1 GB of memory.

    python benchmarks/experiments/fuzz --files 2000 --seed 0 --out fuzz

Files that fail are kept in OUT/failures, each in a folder with a line that reads it again. The exit
status is 1 if there are any.
"""

import argparse
import queue
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from experiments.fuzz.kinds import KINDS
from experiments.fuzz.watched import Result, Watched
from experiments.fuzz.worker import read

FAILURES = "failures"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--files", type=int, default=2000, help="how many (default: 2000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", choices=sorted(KINDS), default=list(KINDS))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("fuzz"), help="folder to make")
    parser.add_argument("--samples", type=Path, help="folder that keeps samples for another call")
    parser.add_argument("--again", type=Path, help="read the file of a folder of failures again")
    chosen = parser.parse_args(arguments)
    if chosen.again is not None:
        sys.exit(_again(chosen.again))
    if chosen.out.exists():
        parser.error(f"{chosen.out} exists; name another folder with --out")
    found = fuzz(
        chosen.files, chosen.seed, chosen.kinds, chosen.workers, chosen.out, chosen.samples
    )
    print(table(found))
    failed = [result for result in found if result.failed]
    for result in failed:
        print(f"\n{result.kind}-{result.number:05d}, {result.how}: {result.outcome}")
        print("  " + "\n  ".join(result.message.strip().splitlines()[-4:]))
    sys.exit(1 if failed else 0)


def fuzz(
    files: int,
    seed: int,
    kinds: Sequence[str],
    workers: int,
    out: Path,
    kept: Path | None = None,
) -> list[Result]:
    """Damage and read files.

    Args:
        files: how many in all.
        seed: of the damage.
        kinds: of :data:`~experiments.fuzz.kinds.KINDS`.
        workers: processes that read.
        out: folder to make; holds only failures afterwards.
        kept: folder of samples, which is filled where it lacks a kind; None for new ones.
    """
    made, work = (kept or out / "samples").absolute(), (out / "work").absolute()
    work.mkdir(parents=True)
    for kind in kinds:
        if not (made / kind).is_dir():
            _make(kind, made / kind)
    cases: queue.SimpleQueue[tuple[str, int]] = queue.SimpleQueue()
    for kind, count in _counts(files, kinds).items():
        for number in range(count):
            cases.put((kind, number))
    found: list[Result] = []

    def serve() -> None:
        worker = Watched(made, work, seed)
        try:
            while True:
                kind, number = cases.get_nowait()
                result = worker.read(kind, number)
                found.append(result)
                _keep(result, work / f"{kind}-{number:05d}", out / FAILURES)
        except queue.Empty:
            pass
        finally:
            worker.close()

    threads = [threading.Thread(target=serve) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shutil.rmtree(work)
    if kept is None:
        shutil.rmtree(made)
    return sorted(found, key=lambda result: (result.kind, result.number))


def table(found: Sequence[Result]) -> str:
    """How the files of each kind ended, in Markdown."""
    columns = ("read", "named", "traceback", "hang", "memory", "signal", "undamaged")
    lines = [
        "| kind | files | read | named error | traceback | over 10 s | over 1 GB | killed | "
        "sample unread | longest, s of CPU | largest, MB |",
        "|---|" + "---:|" * 10,
    ]
    for kind in [*dict.fromkeys(result.kind for result in found), ""]:
        own = [result for result in found if kind in ("", result.kind)]
        if not own:
            continue
        counts = [str(sum(r.outcome == each for r in own)) for each in columns]
        longest, largest = max(r.cpu_s for r in own), max(r.peak_mb for r in own)
        cells = [kind or "all", str(len(own)), *counts, f"{longest:.1f}", f"{largest:.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _make(kind: str, folder: Path) -> None:
    """Make the samples of a kind; with TensorFlow in a process of its own."""
    folder.mkdir(parents=True)
    if not KINDS[kind].tensorflow:
        KINDS[kind].make(folder)
        return
    root = str(Path(__file__).parents[2])
    script = (
        f"import sys; sys.path.insert(0, {root!r}); from pathlib import Path; "
        f"from experiments.fuzz.kinds import KINDS; KINDS[{kind!r}].make(Path({str(folder)!r}))"
    )
    subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.DEVNULL)


def _counts(files: int, kinds: Sequence[str]) -> dict[str, int]:
    """How many files of each kind: by its share, one at least."""
    total = sum(KINDS[kind].share for kind in kinds)
    counts = {kind: max(1, int(files * KINDS[kind].share / total)) for kind in kinds}
    counts[kinds[0]] += max(0, files - sum(counts.values()))
    return counts


def _keep(result: Result, folder: Path, failures: Path) -> None:
    """Keep what failed, with a line that reads it again; remove the rest."""
    if not result.failed or not folder.exists():
        shutil.rmtree(folder, ignore_errors=True)
        return
    failures.mkdir(exist_ok=True)
    kept = failures / folder.name
    folder.rename(kept)
    again = f"python benchmarks/experiments/fuzz --again {kept}"
    text = f"{again}\n\n{result.how}\n{result.outcome}\n\n{result.message}\n"
    (kept / "reproduce.txt").write_text(text, encoding="utf-8", errors="backslashreplace")


def _again(folder: Path) -> int:
    """Read the file of a failure in this process; 1 if it fails again."""
    kind = folder.absolute().name.rsplit("-", 1)[0]
    path = next(p for p in sorted(folder.iterdir()) if p.name not in ("reproduce.txt",
                                                                      "thumbnail.png"))  # fmt: skip
    found = read(kind, path.absolute())
    print(f"{found['outcome']}, {found['cpu_s']:.1f} s of CPU, {found['peak_mb']:.0f} MB")
    print(found["message"])
    return 0 if found["outcome"] in ("read", "named") else 1
