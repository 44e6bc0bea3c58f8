"""Plans of a run whose trainings on subsets are networks that are there already."""

import csv
import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hrpn_export import Contract
from support.command import hrpn_tf
from support.exported_run import save_network
from support.profiled_run import GROUPS, image, make_slide, profiled_run
from support.run_folder import ROLES, make_run, write, write_slides

from hrpn_tf.config import Config
from hrpn_tf.errors import CandidateError, SlideNotFoundError, SplitError, StoreError, UsageError
from hrpn_tf.runs import open_run
from hrpn_tf.training import fit_to_end
from hrpn_tf.workflows.plan.candidates import candidate_slides
from hrpn_tf.workflows.plan.options import PlanOptions
from hrpn_tf.workflows.plan.plan import committee, plan_run
from hrpn_tf.workflows.plan.subsets import Subset, subset_config

OPTIONS = ("--draws", 2, "--quiet")


class Trainings:
    """In place of ``fit``: networks with the bias that so few groups would leave."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.stop_at, self.names = folder, "", list[str]()
        self.printed = ""

    def __call__(self, store: Path, run: Path, config: Config, *, progress: bool) -> int:
        if run.name == self.stop_at:
            raise KeyboardInterrupt
        split = config.data.split
        used = {*split.validation, *split.test}
        groups = {g: "train" for g in "abcdef" if g not in used}
        if not run.exists():
            self.names.append(run.name)
            network = self.folder / f"{run.name}.keras"
            save_network(network, bias=40 / len(groups) + config.training.seed)
            groups |= dict.fromkeys(split.validation, "validation")
            groups |= dict.fromkeys(split.test, "test")
            contract = Contract(ROLES[:2], ("qd",), 0.5, 2, 13, True, 255.0)
            make_run(run, network, contract, groups=groups, store=store)
        return 1


@pytest.fixture(autouse=True)
def _undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plans other than ``planned``, which is made first, need no picture."""

    def draw(curves: object, groups: int, paths: Sequence[Path]) -> None:
        for path in paths:
            path.touch()

    monkeypatch.setattr("hrpn_tf.workflows.plan.summary.draw_plan", draw)


@pytest.fixture(scope="module", name="pilot")
def _pilot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return profiled_run(tmp_path_factory.mktemp("pilot"))


@pytest.fixture(scope="module", name="new")
def _new(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A list with two slides like the training slides, a bright one, and one that trained."""
    folder = tmp_path_factory.mktemp("new")
    slides = write_slides(
        folder, ("like", "bright", "too"),
        lambda n: np.clip(image(40 + n) * (3.0 if n == 1 else 1.0), 0, 255).astype(np.uint8),
    )  # fmt: skip
    return slides


@pytest.fixture(scope="module", name="planned")
def _planned(
    pilot: Path, new: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, Trainings]]:
    """A plan that was interrupted in its third training, and run again."""
    trainings = Trainings(tmp_path_factory.mktemp("networks"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit_to_end, "fit_to_the_end", trainings)
        patch.setattr("hrpn_tf.evaluation.planning.curve.RESAMPLES", 30)
        trainings.stop_at = "draw-2-groups-1"
        assert hrpn_tf("plan", pilot, new, *OPTIONS).exit_code == 130
        assert not (pilot / "plan" / "plan.json").exists()
        trainings.stop_at = ""
        done = hrpn_tf("plan", pilot, new, *OPTIONS)
        assert done.exit_code == 0, done.err
        trainings.printed = done.out
        yield pilot / "plan", trainings


def result(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "plan.json").read_text())
    return found


def test_finished_trainings_are_kept_and_the_run_itself_is_one(
    planned: tuple[Path, Trainings],
) -> None:
    folder, trainings = planned
    assert trainings.names == [
        "draw-1-groups-1", "draw-1-groups-2", "draw-2-groups-1", "draw-2-groups-2",
        "draw-2-groups-4",
    ]  # fmt: skip
    found = result(folder)
    runs = {(t["draw"], len(t["groups"])): t["run"] for t in found["trainings"]}
    assert runs[1, 4] == "run"
    assert runs[2, 4] == "draw-2-groups-4"
    assert found["held_back_groups"] == ["f"]
    assert (found["shorten"], found["missing_trainings"]) == (1.0, 0)


def test_errors_are_those_of_the_networks_on_groups_that_were_held_back(
    planned: tuple[Path, Trainings],
) -> None:
    folder, _ = planned
    found = result(folder)
    means = {
        size: np.mean([
            t["held_back"]["f"]["mse"] for t in found["trainings"] if len(t["groups"]) == size
        ])
        for size in (1, 2, 4)
    }  # fmt: skip
    assert means[1] > means[2] > means[4]
    assert [each["groups"] for each in found["error"]["outlook"]] == [8, 16]
    assert any("one group is held back" in note for note in found["notes"])
    with (folder / "plan.csv").open() as file:
        rows = list(csv.DictReader(file))
    known = [r for r in rows if (r["quantity"], r["kind"]) == ("mse", "measured")]
    assert len(known) == 6
    assert {r["groups"] for r in rows if r["quantity"] == "coverage 0.9"} >= {"9", "60"}
    assert (folder / "plan.png").read_bytes()[:4] == b"\x89PNG"
    assert "<svg" in (folder / "plan.svg").read_text()[:500]


def test_the_slide_that_is_different_is_the_one_to_measure_next(
    planned: tuple[Path, Trainings],
) -> None:
    found = result(planned[0])
    names = [each["slide"] for each in found["candidates"]]
    assert names[0] == "bright"
    assert sorted(names) == ["bright", "like", "too"]
    assert found["candidates"][0]["distance"] > 1 > found["candidates"][1]["distance"]
    assert found["candidates"][0]["disagreement"] > 0
    assert "brighter than every training slide" in found["candidates"][0]["reasons"][0]
    assert found["networks"] == 4  # the run, and the trainings on 2, 2 and 4 groups of 4


def test_the_terminal_says_it_in_words(planned: tuple[Path, Trainings]) -> None:
    folder, trainings = planned
    text = trainings.printed
    assert "Groups needed to guarantee 80%, 90% and 95%: 4, 9 and 19." in text
    assert "Twice as many groups" in text or "The data cannot tell" in text
    assert "- bright: channel vessels is brighter than every training slide" in text
    assert f"{folder}: plan.md, plan.json, plan.csv, candidates.csv, plan.png, plan.svg" in text
    assert (folder / "plan.md").read_text().removeprefix("# Plan\n\n") in text


def test_a_plan_with_little_time_says_what_is_missing(
    pilot: Path, planned: tuple[Path, Trainings], tmp_path: Path
) -> None:
    found = plan_run(pilot, (), tmp_path, options=PlanOptions(max_minutes=1e-9), progress=False)
    assert found.missing == 9
    assert found.error is None
    assert "9 trainings were not begun" in found.notes[-1]


def test_a_subset_has_the_recipe_of_the_run_and_the_rest_is_test(pilot: Path) -> None:
    run = open_run(pilot)
    config = subset_config(run, Subset(2, ("a", "c")), 30)
    assert config.data.split.validation == ("e",)
    assert set(config.data.split.test) == {"f", "b", "d"}
    training = config.training
    assert (training.steps, training.steps_per_epoch, training.minutes) == (30, None, None)
    assert training.seed == run.config.training.seed + 1
    same = {"steps", "steps_per_epoch", "minutes", "seed", "epochs"}
    assert training.model_dump(exclude=same) == run.config.training.model_dump(exclude=same)


def test_without_a_curve_nothing_is_trained(pilot: Path, new: Path, tmp_path: Path) -> None:
    other = make_run(
        tmp_path / "other",
        _network(tmp_path),
        Contract(ROLES[:2], ("qd",), 0.5, 2, 13, True, 255.0),
    )
    done = hrpn_tf("plan", pilot, new, "--no-curve", "--ensemble", other, "--out", tmp_path / "o")
    assert done.exit_code == 0, done.err
    found = result(tmp_path / "o")
    assert (found["networks"], found["error"], found["trainings"]) == (2, None, [])
    alone = hrpn_tf("plan", pilot, new, "--no-curve", "--out", tmp_path / "alone")
    assert "one network cannot disagree with itself" in alone.out
    assert result(tmp_path / "alone")["candidates"][0]["slide"] == "bright"


def _network(folder: Path) -> Path:
    save_network(folder / "other.keras", bias=7)
    return folder / "other.keras"


def test_candidates_that_the_run_knows_are_refused(pilot: Path, tmp_path: Path) -> None:
    slides = {group: Path(pilot.parent / "slides" / f"{group}.ome.tif") for group in GROUPS}
    copy = tmp_path / "renamed.ome.tif"
    shutil.copy(slides["b"], copy)
    for slide, reason in (
        (slides["a"], "trained the run"),
        (slides["e"], "picked its checkpoint"),
        (slides["f"], "is held back to test it"),
        (copy, "is a copy of"),
    ):
        done = hrpn_tf("plan", pilot, slide, "--no-curve", "--out", tmp_path / "out")
        assert done.exit_code == 2
        assert reason in done.err
        assert done.err.count("\n") == 1
    assert not (tmp_path / "out").exists()
    listed = hrpn_tf("plan", pilot, pilot.parent / "slides" / "slides.csv", "--no-curve")
    assert listed.exit_code == 2
    assert "every slide was used" in listed.err


def test_folders_and_patterns_of_candidates_leave_out_what_the_run_knows(
    pilot: Path, new: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run, folder = open_run(pilot), pilot.parent / "slides"
    for place in (new.parent, Path(f"{new.parent}/*.ome.tif")):
        assert [s.name for s in candidate_slides(run, [place])] == ["bright", "like", "too"]
    mixed = candidate_slides(run, [folder, new.parent / "like.ome.tif"])
    assert [s.name for s in mixed] == ["like"]
    assert f"{folder}: a, b, c, d, e, f: used by" in caplog.text
    with pytest.raises(CandidateError, match="every slide was used"):
        candidate_slides(run, [folder])
    with pytest.raises(SlideNotFoundError, match="no slide has a name of this pattern"):
        candidate_slides(run, [folder / "mouse*.tif"])


def test_a_candidate_that_shows_nothing_is_left_out(pilot: Path, new: Path, tmp_path: Path) -> None:
    empty = make_slide(tmp_path / "empty.ome.tif", 50, np.zeros_like)
    out = tmp_path / "out"
    done = hrpn_tf("plan", pilot, empty, new.parent / "like.ome.tif", "--no-curve", "--out", out)
    assert done.exit_code == 0, done.err
    assert [each["slide"] for each in result(out)["candidates"]] == ["like"]
    assert "empty.ome.tif: every input has one value" in done.err
    alone = hrpn_tf("plan", pilot, empty, "--no-curve", "--out", tmp_path / "alone")
    assert alone.exit_code == CandidateError.exit_code
    assert "none of the slides shows anything to rank" in alone.err


def test_candidates_that_the_network_cannot_take_are_refused(pilot: Path, tmp_path: Path) -> None:
    good = make_slide(tmp_path / "good.ome.tif", 50)
    unstated = write(tmp_path / "unstated.ome.tif", size=None)
    stains = write(tmp_path / "stains.ome.tif", channels=("CD31", "Hoechst", "qd"))
    for slides, reason in (
        ((unstated,), "states no pixel size"),
        ((stains,), "no channel"),
        ((tmp_path / "none.ome.tif",), "no such slide"),
        ((good, good), "is named twice"),
    ):
        done = hrpn_tf("plan", pilot, *slides, "--no-curve", "--out", tmp_path / "out")
        assert done.exit_code == 2, slides
        assert reason in done.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--sizes", "1,2,9"), "has 4 training groups"),
        (("--sizes", "one"), "expected whole numbers"),
        (("--shorten", 0), "must lie between 0 and 1"),
        (("--coverage", 1), "must lie between 0 and 1"),
        (("--draws", 0), "at least 1"),
        (("--at", 0), "at least 1"),
        (("--ensemble", "."), "no run folder"),
    ],
)
def test_options_that_make_no_sense(pilot: Path, options: tuple[object, ...], reason: str) -> None:
    done = hrpn_tf("plan", pilot, *options)
    assert done.exit_code == 2
    assert reason in done.err


def test_runs_that_cannot_be_planned_from(pilot: Path, tmp_path: Path) -> None:
    few = make_run(
        tmp_path / "few", _network(tmp_path),
        groups={"a": "train", "b": "train", "e": "validation"}, store=open_run(pilot).patch_dataset,
    )  # fmt: skip
    with pytest.raises(SplitError, match=r"2 training group.*--no-curve"):
        plan_run(few)
    gone = make_run(tmp_path / "gone", _network(tmp_path), groups=GROUPS, store=tmp_path / "gone")
    with pytest.raises(StoreError, match=r"is gone.*--store.*--no-curve"):
        plan_run(gone)
    assert plan_run(gone, options=PlanOptions(curve=False)).coverage


@pytest.mark.parametrize(("role", "word"), [("teacher", "teacher"), ("start", "so that its")])
def test_a_network_that_knows_the_groups_left_out_is_refused_at_once(
    pilot: Path, tmp_path: Path, role: str, word: str
) -> None:
    """Each training of the curve would learn from it what it shall not know."""
    run = shutil.copytree(pilot, tmp_path / "run")
    config = (run / "hrpn.yaml").read_text(encoding="utf-8")
    begun = {**yaml.safe_load(config)}
    begun.setdefault("training", {})[role] = str(pilot)
    (run / "hrpn.yaml").write_text(yaml.safe_dump(begun), encoding="utf-8")
    with pytest.raises(UsageError, match=rf"(?s)a learning curve.*{word}.*--no-curve"):
        plan_run(run, out=tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()
    assert plan_run(run, out=tmp_path / "out", options=PlanOptions(curve=False)).coverage


def test_only_networks_of_half_the_groups_or_more_disagree(
    planned: tuple[Path, Trainings],
) -> None:
    assert committee(open_run(planned[0].parent), [], []) == [open_run(planned[0].parent)]
