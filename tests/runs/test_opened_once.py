"""Each command opens each file of the run once.

Counted are files of the run folder, by Python's audit event of every ``open`` that may read. Not
counted are

- folders that the commands write, and then read from: predictions, evaluation, and
  unfinished and temporary ones, whose names begin with a dot. They are results, not the run;
- what Keras opens inside ``load_model``, which looks into an archive several times. Those calls are
  counted themselves;
- the lock of the run folder, which is no file.

The checksum of a network, the check of what it holds and its weights are three readings of one
file; each happens once.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from support.command import hrpn_tf
from support.exported_run import SHAPE, exportable_run

from hrpn_tf.slides import write_slide
from hrpn_tf.workflows.calibrate import calibrate
from hrpn_tf.workflows.networks import network

READ = 2  # a network file, besides its weights: for its checksum, and to check what it holds
OUTPUTS = ("predictions", "predictions-intervals", "evaluation")
_watched: list[tuple[Path, Counter[str]]] = []


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    """Count the files of the watched run that are opened for reading."""
    if event != "open" or not _watched or not isinstance(arguments[0], str | bytes):
        return
    run, counts = _watched[-1]
    path, mode = Path(str(arguments[0])), arguments[1] or "r"
    if not path.is_relative_to(run) or "r" not in mode or path.is_dir():
        return
    inside = path.relative_to(run)
    if inside.parts[0] not in OUTPUTS and not any(part.startswith(".") for part in inside.parts):
        counts[str(inside)] += 1


sys.addaudithook(_note)  # there is no way to remove one; it does nothing while none is watched


@contextmanager
def opened_files(run: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """How often each file of a run is opened, and each network loaded, in the context."""
    counts: Counter[str] = Counter()
    load = keras.saving.load_model

    def counted(path: Path, *arguments: Any, **options: Any) -> Any:
        if Path(path).is_relative_to(run):
            counts[f"load {Path(path).relative_to(run)}"] += 1
        _watched.append((run, Counter()))
        try:
            return load(path, *arguments, **options)
        finally:
            _watched.pop()

    network._load.cache_clear()  # as in a new process
    with monkeypatch.context() as patch:
        patch.setattr(keras.saving, "load_model", counted)
        _watched.append((run, counts))
        try:
            yield counts
        finally:
            _watched.pop()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = exportable_run(tmp_path_factory.mktemp("once"))
    scaling = '{"input_mean": [90, 90], "input_std": [1, 1], "target_scale": 1}'
    (run / "scaling.json").write_text(scaling)
    config = (run / "hrpn.yaml").read_text()
    (run / "hrpn.yaml").write_text(config.replace("batch_size: 8", "batch_size: 4"))
    assert hrpn_tf("profile", run).exit_code == 0
    return run


def test_predict(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    others = [run.parent / "slides" / f"{name}.ome.tif" for name in "ab"]
    with opened_files(run, monkeypatch) as counts:
        arguments = ("predict", "--run", run, *others, "--workers", 0, "--overwrite")
        assert hrpn_tf(*arguments, "--set", "prediction.tile=64").exit_code == 0
    names = ("hrpn.yaml", "contract.json", "split.json", "load best.keras", "training-profile.npz")
    assert counts == {**dict.fromkeys(names, 1), "best.keras": READ}


def test_predict_the_slides_of_the_run(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened_files(run, monkeypatch) as counts:
        assert hrpn_tf("predict", "--run", run, "--overwrite").exit_code == 0
    assert counts["split.json"] == counts["store.json"] == 1
    assert counts.pop("best.keras") == READ
    assert set(counts.values()) == {1}


def test_evaluate(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert hrpn_tf("predict", "--run", run, "--overwrite").exit_code == 0
    mask = np.zeros((*SHAPE, 1), np.uint8)
    mask[:, :5] = 255
    vessels = run.parent / "vessels.ome.tif"
    write_slide(vessels, mask, channels=["mask"], pixel_size_um=0.5, provenance={}, overwrite=True)
    with opened_files(run, monkeypatch) as counts:
        arguments = ["evaluate", "--run", run, "--overwrite", "--set", "evaluation.peak=255"]
        arguments += ["--spatial", "--ablate", "vessels", "--ablate", "nuclei"]
        assert hrpn_tf(*arguments, "--vessel-mask", vessels).exit_code == 0
    names = ("hrpn.yaml", "contract.json", "split.json", "store.json", "scaling.json")
    assert counts == {**dict.fromkeys((*names, "load best.keras"), 1), "best.keras": READ}


def test_calibrate_and_export(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heads = calibrate._heads
    with monkeypatch.context() as patch:
        patch.setattr(calibrate, "_heads", lambda *a: replace(heads(*a), epochs=1, steps=2))
        with opened_files(run, monkeypatch) as counts:
            assert hrpn_tf("calibrate", run, "--coverage", 0.5).exit_code == 0
    names = ("hrpn.yaml", "contract.json", "split.json", "store.json")
    assert counts == {**dict.fromkeys((*names, "load best.keras"), 1), "best.keras": READ}

    out = run.parent / "bundle"
    with opened_files(run, monkeypatch) as counts:
        assert hrpn_tf("export", run, "--out", out, "--keras", "--licence", "MIT").exit_code == 0
    own = ("calibration.json", "contract.json", "model.keras")
    calibrated = [f"calibrated/{name}" for name in own]
    names = ("hrpn.yaml", "contract.json", "split.json", "store.json", "best.keras")
    more = ("training-profile.npz", f"load {calibrated[-1]}")
    once = dict.fromkeys((*names, *more, *calibrated), 1)
    assert counts == {**once, "calibrated/model.keras": READ}

    with opened_files(run, monkeypatch) as counts:
        assert (
            hrpn_tf("export", run, "--out", f"{out}-plain", "--keras", "--no-intervals").exit_code
            == 0
        )
    names = ("hrpn.yaml", "contract.json", "split.json", "store.json", "training-profile.npz")
    assert counts == {**dict.fromkeys((*names, "load best.keras"), 1), "best.keras": READ}
