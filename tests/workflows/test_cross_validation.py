import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from support.tiny_training import TINY_RUN

from hrpn_tf.config import load_config
from hrpn_tf.errors import RunError, UsageError
from hrpn_tf.runs import load_run
from hrpn_tf.training import fit as fitting
from hrpn_tf.workflows.cross_validation import cross_validate, spread_over_folds, to_markdown

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tiny_presets")]

OPTIONS = (*TINY_RUN[:1], "training.epochs=2", "training.batch_size=4")


@pytest.fixture(scope="module")
def stopped_once(tiny_store, tiny_presets, tmp_path_factory) -> Path:
    """Three folds, interrupted at the beginning of the second, then run again."""
    out = tmp_path_factory.mktemp("crossval") / "out"
    config = load_config(overrides=OPTIONS)

    def interrupted(store_path, run, *arguments, **options):
        if run.name == "fold-1":
            raise KeyboardInterrupt
        return fit(store_path, run, *arguments, **options)

    fit = fitting.fit
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "fit", interrupted)
        with pytest.raises(KeyboardInterrupt):
            cross_validate(tiny_store.path, out, config, progress=False)
    assert not (out / "summary.json").exists()
    first = (out / "fold-0" / "best.keras").stat().st_mtime_ns
    cross_validate(tiny_store.path, out, config, progress=False)
    assert (out / "fold-0" / "best.keras").stat().st_mtime_ns == first
    return out


def test_every_group_is_tested_once_by_a_network_that_never_saw_it(stopped_once):
    summary = json.loads((stopped_once / "summary.json").read_text())
    assert [row["test"] for row in summary["folds"]] == ["a", "b", "c"]
    assert [row["validation"] for row in summary["folds"]] == ["b", "c", "a"]
    for row in summary["folds"]:
        split = json.loads((stopped_once / f"fold-{row['fold']}" / "split.json").read_text())
        assert split["test"]["groups"] == [row["test"]]
        assert row["test"] not in split["train"]["groups"]


def test_the_summary_is_that_of_the_folds(stopped_once):
    summary = json.loads((stopped_once / "summary.json").read_text())
    mse = []
    for row in summary["folds"]:
        metrics = stopped_once / f"fold-{row['fold']}" / "evaluation" / "metrics.csv"
        with metrics.open() as file:
            pooled = next(
                r
                for r in csv.DictReader(file)
                if (r["slide"], r["predictor"], r["view"], r["region"])
                == ("pooled", "model", "float", "whole")
            )
        mse.append(float(pooled["mse"]))
        assert row["mse"] == pytest.approx(mse[-1])
    assert summary["mean"]["mse"] == pytest.approx(np.mean(mse))
    assert summary["standard_deviation"]["mse"] == pytest.approx(np.std(mse, ddof=1))
    table = (stopped_once / "summary.md").read_text()
    assert f"{np.mean(mse):.3f}" in table


def test_a_fold_equals_the_same_training_by_itself(stopped_once, tiny_store, tmp_path):
    options = (*OPTIONS, "data.split.fold=2")
    fitting.fit(tiny_store.path, tmp_path / "run", load_config(overrides=options), progress=False)
    ours, theirs = (load_run(run)[0] for run in (stopped_once / "fold-2", tmp_path / "run"))
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_run_again_nothing_is_computed_and_the_summary_is_the_same(stopped_once, tiny_store):
    before = (stopped_once / "summary.md").read_text()
    found = cross_validate(
        tiny_store.path, stopped_once, load_config(overrides=OPTIONS), progress=False
    )
    assert (stopped_once / "summary.md").read_text() == before
    assert to_markdown(found) in before
    assert spread_over_folds(found[:1])[1]["mse"] is None


def test_folds_of_another_configuration_are_refused(stopped_once, tiny_store):
    other = load_config(overrides=[*OPTIONS, "training.ema=0.5"])
    with pytest.raises(RunError, match=r"fold-0: a run of another configuration: training\.ema"):
        cross_validate(tiny_store.path, stopped_once, other, progress=False)


def test_folds_start_from_a_network_also_those_begun_later(stopped_once, tiny_store, tmp_path):
    """Without naming it again; a network that knows the slides of a fold is refused."""
    source, out = tmp_path / "source", tmp_path / "out"
    shutil.copytree(stopped_once / "fold-0", source)
    named = load_config(overrides=[*OPTIONS, f"training.start={source}"])
    with pytest.raises(UsageError, match=r"used b for validation.* tested once, so take") as said:
        cross_validate(tiny_store.path, out, named, progress=False)
    assert "give both the same" not in str(said.value)
    assert not out.exists(), "it is refused before the first fold"
    (source / "split.json").unlink()
    split = named.data.split.model_copy(update={"fold": 0})
    first = named.model_copy(update={"data": named.data.model_copy(update={"split": split})})
    fitting.fit(tiny_store.path, out / "fold-0", first, progress=False)
    cross_validate(tiny_store.path, out, load_config(overrides=OPTIONS), progress=False)
    for number in range(3):
        assert (out / f"fold-{number}" / "start.json").is_file()
