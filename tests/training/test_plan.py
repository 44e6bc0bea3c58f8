"""The number of steps: stated, of one pass, or measured for a time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.run_folder import set_split
from support.tiny_training import TINY_RUN
from support.training_results import assert_same_run, final_state, history, interrupted

from hrpn_tf.config import TrainingConfig, load_config
from hrpn_tf.errors import ConfigError
from hrpn_tf.training import budget
from hrpn_tf.training.checkpoints import list_checkpoints, read_state
from hrpn_tf.training.fit import fit
from hrpn_tf.training.plan import TrainingPlan, plan_for, plan_of


@given(st.integers(1, 50), st.integers(0, 500))
def test_epochs_share_the_steps(epochs, more):
    plan = TrainingPlan(epochs + more, epochs)
    steps = [plan.steps(epoch) for epoch in range(epochs)]
    assert sum(steps) == plan.total
    assert max(steps) - min(steps) <= 1
    assert [plan.first(epoch) for epoch in range(epochs)] == [
        sum(steps[:epoch]) for epoch in range(epochs)
    ]


def test_what_a_configuration_states():
    assert plan_of(TrainingConfig(epochs=4, batch_size=8), 27) == TrainingPlan(12, 4)
    assert plan_of(TrainingConfig(epochs=4, steps_per_epoch=5), 27) == TrainingPlan(20, 4)
    assert plan_of(TrainingConfig(epochs=4, steps=6), 27) == TrainingPlan(6, 4)
    assert plan_of(TrainingConfig(minutes=6), 27) is None


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["training.steps=50", "training.minutes=3"], "steps and minutes exclude each other"),
        (["training.steps=50", "training.steps_per_epoch=5"], "all but one to null"),
        (["training.steps=19"], "steps=19 is less than epochs=20"),
    ],
)
def test_a_length_that_makes_no_sense_is_refused(overrides, message):
    with pytest.raises(ConfigError, match=message):
        load_config(overrides=overrides)


def test_a_time_that_is_too_short_is_refused():
    with pytest.raises(ConfigError, match=r"minutes=1 is too short for training.epochs=20: a step"):
        plan_for(TrainingConfig(minutes=1), left=50.0, step=0.1, validation=2.5)


def test_the_time_counts_validations_and_the_statistics_that_are_measured_before_them(
    store, tmp_path, monkeypatch
):
    """And the validation of the start, which no epoch plans."""
    base, given = tmp_path / "base", []
    options = [*TINY_RUN, "training.pictures_every=0", "training.ema=0.9", "model.preset=normed"]
    fit(store.path, base, load_config(overrides=[*options, "training.epochs=1"]), progress=False)
    set_split(base, {"x": "train", "y": "validation", "z": "test"})
    monkeypatch.setattr(
        budget, "plan_for", lambda training, **times: given.append(times) or TrainingPlan(2, 2)
    )
    speed = budget.Speed(start=1.0, step=0.5, validation=600.0)
    timed = [*options, "training.epochs=2", "training.minutes=60"]
    for start in ([], [f"training.start={base}"]):
        monkeypatch.setattr(budget, "_measure", lambda *_: speed)
        run = tmp_path / f"run-{len(start)}"
        fit(store.path, run, load_config(overrides=[*timed, *start]), progress=False)
    without, with_start = (each["left"] for each in given)
    assert without - with_start == pytest.approx(600, abs=60)


def test_the_statistics_of_a_started_training_are_timed(store, tmp_path, monkeypatch):
    times = []
    measured = budget._measure_statistics
    monkeypatch.setattr(
        budget, "_measure_statistics", lambda *a: times.append(measured(*a)) or times[-1]
    )
    options = [*TINY_RUN, "model.preset=normed", "training.epochs=1", "training.minutes=0.1"]
    for count in (0, 4):
        config = [*options, f"training.reestimate_normalisation={count}", "training.ema=0.9"]
        monkeypatch.setattr(budget, "plan_for", lambda training, **_: TrainingPlan(1, 1))
        fit(store.path, tmp_path / str(count), load_config(overrides=config), progress=False)
    assert times[0] == (0.0, 0.0)
    assert times[1][1] > 0


def test_a_measured_training_is_that_of_its_number_of_steps_and_resumes(
    store, tmp_path, monkeypatch
):
    """The measurement leaves nothing behind, and a resumed training does not measure again."""
    run, reference = tmp_path / "run", tmp_path / "reference"
    options = [*TINY_RUN, "training.epochs=2", "training.pictures_every=0", "training.ema=0.9"]
    timed = load_config(overrides=[*options, "training.minutes=60"])
    monkeypatch.setattr(budget, "plan_for", lambda training, **_: TrainingPlan(5, training.epochs))
    with interrupted(monkeypatch, before_epoch=1):
        fit(store.path, run, timed, progress=False)
    monkeypatch.setattr(budget, "_measure", None)
    fit(store.path, run, timed, progress=False)

    stated = load_config(overrides=[*options, "training.steps=5"])
    fit(store.path, reference, stated, progress=False)
    assert_same_run(run, reference)
    assert float(history(run)[-1]["learning_rate"]) == pytest.approx(0, abs=1e-9)
    assert read_state(list_checkpoints(run / "checkpoints")[-1]).planned_steps == 5
    iterations = [v for v in final_state(run).values() if v.dtype == np.int64 and v.shape == ()]
    assert 5 in iterations
