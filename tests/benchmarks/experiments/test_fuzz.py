"""Damaged files: the damage is the same for a seed, failures are found and kept, none is here."""

from pathlib import Path

import numpy as np
import pytest
from experiments.fuzz import kinds, samples
from experiments.fuzz.experiment import FAILURES, _again, _keep, fuzz, table
from experiments.fuzz.mutations import mutate
from experiments.fuzz.watched import Result
from experiments.fuzz.worker import read

from hrpn_tf.errors import MaskError


def test_no_damaged_file_fails(tmp_path: Path) -> None:
    chosen = [name for name, kind in kinds.KINDS.items() if not kind.tensorflow]
    found = fuzz(60, 0, chosen, 1, tmp_path / "out")
    assert [f"{r.kind}-{r.number}: {r.how}: {r.message}" for r in found if r.failed] == []
    assert len(found) == 60
    assert {r.kind for r in found} == set(chosen)
    assert {r.outcome for r in found} == {"read", "named"}
    assert f"| all | 60 | {sum(r.outcome == 'read' for r in found)} |" in table(found)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("make", [samples.geojson, samples.configuration, samples.run_folder])
def test_damage_depends_on_the_seed_alone(make: samples.Maker, tmp_path: Path) -> None:
    said = []
    for name in ("a", "b"):
        (folder := tmp_path / name).mkdir()
        make(folder)
        said.append([mutate(np.random.default_rng(i), folder) for i in range(8)])
    assert said[0] == said[1]
    assert len(set(said[0])) > 4


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(MaskError("no"), "named"), (OSError(2, "no"), "named"), (KeyError("x"), "traceback"),
     (SystemExit(0), "traceback"), (RecursionError(), "traceback"), (MemoryError(), "memory"),
     (None, "read")],
)  # fmt: skip
def test_every_other_error_is_a_failure(
    error: BaseException | None, outcome: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path) -> None:
        if error is not None:
            raise error

    monkeypatch.setitem(kinds.KINDS, "geojson", kinds.Kind(1, samples.geojson, fail))
    assert read("geojson", tmp_path)["outcome"] == outcome


def test_a_manifest_that_is_no_file_is_not_forged(tmp_path: Path) -> None:
    (tmp_path / "bundle.json").symlink_to("/dev/zero")
    kinds.forge(tmp_path)
    assert (tmp_path / "bundle.json").is_symlink()


def test_a_failure_is_kept_and_can_be_read_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder := tmp_path / "work" / "geojson-00007").mkdir(parents=True)
    (folder / "a.geojson").write_text("{", encoding="utf-8")
    result = Result("geojson", 7, "a: cut", "traceback", "Traceback: x", 1.0, 2.0)
    _keep(result, folder, tmp_path / FAILURES)
    kept = tmp_path / FAILURES / folder.name
    assert f"--again {kept}" in (kept / "reproduce.txt").read_text(encoding="utf-8")
    assert _again(kept) == 0, "it was no failure"
    assert "named" in capsys.readouterr().out
