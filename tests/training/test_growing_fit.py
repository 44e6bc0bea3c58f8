"""A training on slides that are simulated while it runs."""

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from support.small_simulation import PLAN, SMALL, make_dataset
from support.training_results import assert_same_run, history

from hrpn_tf.config import Config, SplitConfig, load_config
from hrpn_tf.data.growing import GrowingPatches
from hrpn_tf.data.simulated import SlidePlan
from hrpn_tf.errors import ConfigError, RunError
from hrpn_tf.training import setup
from hrpn_tf.training.distribution import Devices
from hrpn_tf.training.fit import fit
from hrpn_tf.workflows.training_profile import write_profile

LATE = "training-0003"  # the slide that the second of three epochs waits for, or the last


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("growing") / "patches")


@pytest.fixture(scope="module")
def config() -> Config:
    options = ["model.preset=tiny", "training.batch_size=4", "training.pictures_every=0"]
    loaded = load_config(overrides=[*SMALL, *options])
    split = SplitConfig(fold=None, validation=PLAN.validation_groups)
    return loaded.model_copy(update={"data": loaded.data.model_copy(update={"split": split})})


def made(dataset: Path, plan: SlidePlan = PLAN) -> GrowingPatches:
    """All slides are there."""
    return GrowingPatches(dataset, plan, lambda: None)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, dataset: Path, config: Config) -> Path:
    run = tmp_path_factory.mktemp("finished") / "run"
    fit(made(dataset), run, config, progress=False)
    return run


@pytest.fixture
def late(dataset: Path, tmp_path: Path) -> Callable[[Callable[[], None]], GrowingPatches]:
    """A slide comes when ``check`` has been called twice; ``before`` is called each time."""
    folder, aside = tmp_path / "patches", tmp_path / "aside"
    shutil.copytree(dataset, folder)
    (folder / "slides" / LATE).rename(aside)
    calls = []

    def start(before: Callable[[], None]) -> GrowingPatches:
        def check() -> None:
            before()
            calls.append(1)
            if len(calls) > 1 and aside.exists():
                aside.rename(folder / "slides" / LATE)

        return GrowingPatches(folder, PLAN, check)

    return start


def test_what_needs_all_patches_is_refused_before_any_is_waited_for(dataset, tmp_path, monkeypatch):
    growing, config = made(dataset), load_config(overrides=["training.sampling=target"])
    monkeypatch.setattr(growing, "first", lambda: pytest.fail("waited"))
    with pytest.raises(ConfigError, match="sampling=target needs all patches"):
        fit(growing, tmp_path / "run", config)


def test_the_run_says_what_it_was_trained_on(finished, dataset):
    split = json.loads((finished / "split.json").read_text())
    assert split["train"]["slides"] == [slide.name for slide in PLAN.training_slides]
    assert split["validation"]["groups"] == ["validation-animal-0001"]
    stated = json.loads((finished / "store.json").read_text())
    assert stated["simulated"] == {"training": 3, "validation": 1, "first": 2}
    assert [row["epoch"] for row in history(finished)] == ["1", "2", "3"]
    assert len(write_profile(finished).slides) == 3


def test_slow_simulation_changes_no_weight_and_is_counted_as_waiting(
    finished, late, config, tmp_path
):
    run = tmp_path / "run"
    state = fit(late(lambda: None), run, config, progress=False)
    shares = [row["waiting_share"] for row in state.history]
    assert shares[-1] > 0.2 > shares[0]
    assert state.history[-1]["seconds"] > 0.4  # two looks
    assert_same_run(run, finished)


def test_stopped_while_it_waits_it_goes_on_as_if_nothing_had_happened(
    finished, late, config, tmp_path
):
    run = tmp_path / "run"
    stopping = late(lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        fit(stopping, run, config, progress=False)
    assert len(history(run)) == 2
    fit(late(lambda: None), run, config, progress=False)
    assert_same_run(run, finished)


def test_a_run_of_another_number_of_slides_is_refused(finished, dataset, config):
    other = made(dataset, SlidePlan(training=2, validation=1, first=2))
    with pytest.raises(RunError, match=r"first 2; now training 2, validation 1, first 2"):
        fit(other, finished, config, progress=False)
    with pytest.raises(RunError, match="finished"):
        fit(made(dataset), finished, config, progress=False)


def test_several_workers_are_refused(dataset, config, tmp_path, monkeypatch):
    import tensorflow as tf

    two = Devices(tf.distribute.get_strategy(), worker=0, workers=2)
    monkeypatch.setattr(setup, "choose_devices", lambda: two)
    with pytest.raises(ConfigError, match="trains in one process"):
        fit(made(dataset), tmp_path / "run", config, progress=False)


def test_it_may_start_from_another_network(
    finished: Path, dataset: Path, config: Config, tmp_path: Path
) -> None:
    """Which is validated on the validation slides before the first step."""
    own = load_config(config, {"training.start": str(finished), "training.epochs": 1})
    run = tmp_path / "run"
    fit(made(dataset), run, own, progress=False)
    start, *rows = history(run)
    assert (start["epoch"], len(rows)) == ("0", 1)
    known = min(history(finished), key=lambda row: float(row["val_loss"]))
    assert float(start["val_mse"]) == pytest.approx(float(known["val_mse"]), rel=1e-4)
