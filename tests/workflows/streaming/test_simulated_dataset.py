"""The patch dataset of simulated slides."""

import json
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.processes import environment, files, wait_for
from support.small_simulation import PLAN, SMALL

from hrpn_tf.config import load_config
from hrpn_tf.data.growing import GrowingPatches
from hrpn_tf.data.manifest import refuse_no_store
from hrpn_tf.data.simulated import SlidePlan, made_so_far, read_dataset, recipe_of
from hrpn_tf.data.store import open_store
from hrpn_tf.errors import (
    ConfigError,
    OutputExistsError,
    RunBusyError,
    RunError,
    SimulationFailedError,
    SlideTooSmallError,
    StoreError,
    UnknownChannelError,
    UsageError,
)
from hrpn_tf.files import locked
from hrpn_tf.simulation.phantom import make_image, make_phantom
from hrpn_tf.slides import open_slide
from hrpn_tf.workflows.streaming import SimulatedSlides, simulated_patches, stream
from hrpn_tf.workflows.streaming.producers import Producers
from hrpn_tf.workflows.streaming.slides import make_missing
from hrpn_tf.workflows.streaming.stream import check_recipe, claim


def nobody() -> None:
    raise SimulationFailedError("nobody makes slides here")


def test_the_image_is_that_of_the_phantom(config):
    small = config.simulation
    assert (make_image(small, 7, 3) == make_phantom(small, 7, 3).image).all()


def test_patches_are_those_of_the_simulated_slide(dataset, recipe):
    """The first validation patch is the corner of the slide with the number that is documented."""
    image = make_image(recipe.simulation, 2_000_000, 2_000_000)
    store = open_store(dataset)
    assert len(store) == 4 * 6
    assert (store.read(0) == image[:32, :32]).all()
    record = store.manifest.slides[0]
    with open_slide(dataset / "kept" / "validation-0001.ome.tif") as slide:  # what record.path is
        assert (slide.read(0, 0, 96, 64, [0, 1, 2]) == image).all()
    assert record.path.endswith("kept/validation-0001.ome.tif")
    assert not (dataset / "kept" / "training-0001.ome.tif").exists()
    assert not list((dataset / "work").iterdir())


def test_it_is_a_patch_dataset_like_any_other(dataset, recipe):
    refuse_no_store(dataset)
    store = open_store(dataset)
    assert store.groups == (
        "training-animal-0001",
        "training-animal-0002",
        "training-animal-0003",
        "validation-animal-0001",
    )
    assert store.manifest.settings["patch"] == 32
    assert made_so_far(dataset) == replace(PLAN, first=3)


def test_slides_do_not_depend_on_their_number_or_on_who_makes_them(dataset, recipe, without):
    """Made again after the others, the same patches; those that are there stay as they are."""
    before = files(dataset)
    folder = without("training-0001", "training-0003")
    (folder / "work" / "training-0001").mkdir(parents=True)
    (folder / "work" / "training-0001" / "half.tif").write_text("of a process that was killed")
    make_missing(folder, SlidePlan(4, 1, 2), keep=False)
    after = files(folder)
    for name in before:
        if not name.endswith("slide.json"):  # which holds the path
            assert after[name] == before[name], name
    assert (folder / "slides" / "training-0004" / "slide.json").is_file()


def test_an_epoch_sees_the_slides_of_its_number_and_no_others(dataset):
    growing = GrowingPatches(dataset, PLAN, nobody)
    first = growing.first()
    assert [slide.name for slide in first.manifest.slides] == [
        "validation-0001",
        "training-0001",
        "training-0002",
    ]
    assert first.groups == PLAN.groups  # with those that are still to be made
    statistics = first.statistics(tuple(slide.group for slide in PLAN.training_slides))
    assert statistics["target_scale"] > 0
    store, uses = growing.epoch(0, 3, 12, seed=0)
    assert sorted(uses[:, 1]) == list(range(6, 18))
    store, uses = growing.epoch(2, 3, 12, seed=0)
    assert set(range(18, 24)) <= set(uses[:, 1]) <= set(range(6, 24))
    last = open_store(dataset)
    for number in (0, 7, 23):
        assert (store.read(number) == last.read(number)).all()
    assert "draws from 3 simulated slides; made so far: 3 of 3 (0 ahead)" in growing.progress_line(
        2, 3
    )


def test_waiting_ends_with_the_signal_and_with_the_processes(without):
    growing = GrowingPatches(without("training-0002"), PLAN, lambda: None)
    assert growing.wait(1)
    assert not growing.wait(2, stopped=lambda: True)
    with pytest.raises(SimulationFailedError, match="nobody makes"):
        GrowingPatches(growing.path, PLAN, nobody).wait(2)


def test_a_gap_ends_what_is_read_without_a_plan(without):
    folder = without("training-0002")
    assert [slide.name for slide in read_dataset(folder)[0].slides] == [
        "validation-0001",
        "training-0001",
    ]


def test_background_processes_make_what_is_missing(config, without):
    """Two processes, and each slide is made once; they are gone afterwards."""
    folder = without("training-0001", "training-0003")
    options = SimulatedSlides(3, validation=1, first=2, processes=2, keep=True)
    with simulated_patches(folder, config, options) as (growing, resolved):
        assert growing.wait(3)
        assert resolved.data.split.validation == ("validation-animal-0001",)
    assert (folder / "kept" / "training-0003.ome.tif").is_file()
    assert not list((folder / "work").iterdir())


def test_a_process_that_fails_says_why(config, without):
    folder = without("training-0003")
    (folder / "slides" / "training-0003").write_text("in the way")
    options = SimulatedSlides(3, validation=1, first=2)
    with (
        simulated_patches(folder, config, options) as (growing, _),
        pytest.raises(SimulationFailedError, match=r"simulating a slide failed: .*training-0003"),
    ):
        growing.wait(3)


def test_another_configuration_is_refused_by_the_keys_that_differ(dataset, recipe, without):
    other = recipe_of(load_config(overrides=[*SMALL, "simulation.seed=1", "data.stride=16"]))
    with pytest.raises(RunError, match=r"\(simulation.seed, data.stride\)"):
        claim(dataset, other, overwrite=False)
    claim(dataset, recipe, overwrite=True)  # the same: kept
    assert made_so_far(dataset).training == 3
    folder = without()
    with locked(folder, shared=True), pytest.raises(RunBusyError):
        claim(folder, other, overwrite=True)
    claim(folder, other, overwrite=True)
    assert [path.name for path in folder.iterdir()] == ["simulated.json"]
    with pytest.raises(StoreError, match="no simulated slide is finished"):
        open_store(folder)


@pytest.mark.parametrize("same", [True, False])
def test_two_commands_that_begin_at_once_share_a_recipe_or_one_is_refused(
    recipe, tmp_path, monkeypatch, same
):
    folder, first = tmp_path / "new", recipe
    if not same:
        first = recipe_of(load_config(overrides=[*SMALL, "simulation.seed=1"]))
    write = stream._write

    def late(path, values, overwrite=True):
        monkeypatch.setattr(stream, "_write", write)
        claim(folder, first, overwrite=False)  # by the other command, just now
        write(path, values, overwrite)

    monkeypatch.setattr(stream, "_write", late)
    with nullcontext() if same else pytest.raises(RunError, match=r"simulation\.seed"):
        claim(folder, recipe, overwrite=False)
    assert json.loads((folder / "simulated.json").read_text()) == first.to_json()


def test_processes_end_where_one_of_them_cannot_be_started(without, monkeypatch):
    start, started = Producers._start, []

    def limited(self):
        if len(started) == 2:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        started.append(start(self))
        return started[-1]

    monkeypatch.setattr(Producers, "_start", limited)
    producers = Producers(
        without("training-0001", "training-0002", "training-0003"), PLAN, 3, False
    )
    with pytest.raises(BlockingIOError), producers:
        pass
    assert [process.poll() is None for process, _ in started] == [False, False]


def test_number_of_slides_and_what_no_image_depends_on_may_change(dataset):
    free = ("simulation.slides=50", "simulation.floor_draws=3")
    before = (dataset / "simulated.json").read_bytes()
    claim(dataset, recipe_of(load_config(overrides=[*SMALL, *free])), overwrite=False)
    assert (dataset / "simulated.json").read_bytes() == before


@pytest.mark.parametrize(
    "damage", ["{}", "[]", '{"schema": "hrpn-tf simulated patches 1"}', "nonsense"]
)
def test_a_damaged_recipe_is_named(dataset, tmp_path, damage):
    (tmp_path / "simulated.json").write_text(damage)
    with pytest.raises(StoreError, match=r"simulated\.json"):
        open_store(tmp_path)


def test_what_is_no_simulated_dataset_is_left_alone(recipe, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputExistsError, match="no simulated patches"):
        claim(tmp_path, recipe, overwrite=True)
    assert (tmp_path / "notes.txt").exists()


def test_what_would_give_no_patches_is_refused_before_anything_is_simulated():
    with pytest.raises(SlideTooSmallError, match=r"lower data\.patch"):
        check_recipe(recipe_of(load_config(overrides=[*SMALL, "data.patch=128"])))
    named = load_config(overrides=[*SMALL, "simulation.channels.vessels=CD31"])
    with pytest.raises(UnknownChannelError, match="vessels"):
        check_recipe(recipe_of(named))
    mapped = load_config(
        overrides=[*SMALL, "simulation.channels.vessels=CD31", "data.channels.vessels=CD31"]
    )
    check_recipe(recipe_of(mapped))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.split.validation=[a]", "leave the section out"),
        ("training.sampling=target", "needs all patches"),
    ],
)
def test_what_does_not_fit_is_refused_before_a_folder_is_made(tmp_path, override, message):
    config = load_config(overrides=[*SMALL, override])
    with (
        pytest.raises(ConfigError, match=message),
        simulated_patches(tmp_path / "patches", config, SimulatedSlides(3)),
    ):
        pass
    assert not (tmp_path / "patches").exists()


def test_the_plan_of_the_options():
    assert SimulatedSlides(200).plan(20, None) == SlidePlan(200, 20, 10)
    assert SimulatedSlides(3).plan(20, None) == SlidePlan(3, 2, 3)
    assert SimulatedSlides(30, 5, 7).plan(20, 6) == SlidePlan(30, 5, 7, 6)
    with pytest.raises(UsageError, match="--simulate-first 9: there are only 5"):
        SimulatedSlides(5, first=9).plan(20, None)


def test_animals_are_shared_only_where_groups_are_configured():
    assert recipe_of(load_config()).animals is None
    config = load_config(overrides=["simulation.groups=2"])
    plan = SlidePlan(3, 2, 1, recipe_of(config).animals)
    assert [slide.group[-4:] for slide in plan.training_slides] == ["0001", "0002", "0001"]
    assert len(plan.groups) == 2 + 2
    numbers = {slide.group: slide.group_number for slide in plan.slides}
    assert len(set(numbers.values())) == len(numbers)


def test_the_recipe_is_plain_and_whole(dataset, recipe):
    values = json.loads((dataset / "simulated.json").read_text())
    assert values == recipe.to_json()
    assert np.dtype(recipe.manifest(()).dtype) == np.uint8


KILLED = """
import sys, time
from pathlib import Path
from support.small_simulation import PLAN
from hrpn_tf.workflows.streaming.producers import Producers
with Producers(Path(sys.argv[1]), PLAN, 1, False) as producers:
    print(producers.pids[0], flush=True)
    time.sleep(60)
"""


def test_the_processes_end_when_the_training_is_killed(without):
    """A slide of a size that takes minutes is being made then."""
    folder = without("training-0001")
    recipe = json.loads((folder / "simulated.json").read_text())
    recipe["simulation"].update(height=6000, width=6000)
    (folder / "simulated.json").write_text(json.dumps(recipe))
    parent = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(folder)],
        stdout=subprocess.PIPE,
        env=environment(),
        text=True,
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    wait_for((folder / "work" / "training-0001").is_dir)
    parent.kill()
    parent.communicate()
    wait_for(lambda: not Path(f"/proc/{pid}").exists())
