"""Kill a prediction at its n-th step on the disk, for every n, and run it again: a program.

``python crash_points.py FOLDER NAME EVERY [overwrite] [anchor]`` predicts a slide to NAME in
subfolders of FOLDER, in one process per prediction, and prints one line per difference from an
uninterrupted one. Of EVERY steps, one is tried.
"""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile  # noqa: F401  (once, rather than in every process)
import zarr  # noqa: F401

from hrpn_tf.config import PredictionConfig
from hrpn_tf.errors import OutputExistsError
from hrpn_tf.prediction import TissueMap, predict_slide
from hrpn_tf.prediction.anchor import AnchorTask, BlockMask
from support.grid_network import ArraySlide, GridNetwork
from support.run_folder import files_below

STEPS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree", "os.scandir"}
TISSUE = np.array([[0, 0, 0], [0, 1, 0], [0, 1, 1]], bool)
ANCHOR = AnchorTask(500.0, find_tissue=lambda: BlockMask(np.array([[0, 1, 1]], bool), 400))


def predict(out: Path, overwrite: bool, **changes: object) -> None:
    """Some empty tiles, a pyramid of two levels, twelve blocks."""
    image = np.random.default_rng(0).integers(0, 256, (150, 1100, 2), np.uint8)
    predict_slide(
        GridNetwork(4),
        ArraySlide(image),
        [0, 1],
        out,
        config=PredictionConfig.model_validate({"tile": 200, "dtype": "uint16", **changes}),
        provenance={"origin": "a test", **changes},
        overwrite=overwrite,
        find_tissue=lambda: TissueMap(TISSUE, (50.0, 400.0), (9.0, 9.0)),
        anchor=ANCHOR if "anchor" in sys.argv[4:] else None,
    )


def in_a_process(function: Callable[[], object]) -> int:
    """Exit code, or minus the signal that ended it."""
    child = os.fork()
    if child == 0:
        try:
            function()
        except OutputExistsError:
            os._exit(3)
        except BaseException as error:  # noqa: BLE001 (the parent reports it)
            print(f"{type(error).__name__}: {error}")
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def count_steps(folder: Path, at: Callable[[int], object]) -> None:
    """Call ``at`` with the number of each step that this process takes in a folder."""
    steps = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal steps
        if event in STEPS and str(arguments[0]).startswith(str(folder)):
            steps += 1
            at(steps)

    sys.addaudithook(hook)


def main(folder: Path, name: str, every: int, overwrite: bool) -> None:
    """See the module."""
    reference, counter = folder / "reference" / name, folder / "steps"

    def uninterrupted() -> None:
        count_steps(reference.parent, lambda n: counter.write_text(str(n)))
        predict(reference, overwrite)

    if overwrite:
        assert in_a_process(lambda: predict(reference, False, dtype="uint8")) == 0
    assert in_a_process(uninterrupted) == 0
    expected, total = files_below(reference), int(counter.read_text())
    for last in range(1 + total % every, total + 1, every):
        out = folder / "interrupted" / name
        if overwrite:
            assert in_a_process(lambda: predict(out, False, dtype="uint8")) == 0  # noqa: B023

        def killed() -> None:
            def kill(n: int) -> None:
                if n == last:  # noqa: B023
                    os.kill(os.getpid(), signal.SIGKILL)

            count_steps(out.parent, kill)  # noqa: B023
            predict(out, overwrite)  # noqa: B023

        if in_a_process(killed) != -signal.SIGKILL:
            print(f"step {last}: not killed")
        code = in_a_process(lambda: predict(out, overwrite))  # noqa: B023
        if code not in (0, 3):
            print(f"step {last}: cannot go on")
        elif files_below(out) != expected:
            print(f"step {last}: differs")
        if [p.name for p in out.parent.iterdir()] != [name]:
            print(f"step {last}: leaves {sorted(p.name for p in out.parent.iterdir())}")
        shutil.rmtree(out.parent)
    print(f"{total} steps")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), "overwrite" in sys.argv[4:])
