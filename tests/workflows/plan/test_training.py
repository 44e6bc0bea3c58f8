"""A plan whose networks are trained."""

import json
from pathlib import Path

import numpy as np
import pytest
from hrpn_export import Contract
from support.exported_run import save_network
from support.run_folder import ROLES, make_run, write_slides
from support.stores import make_store

from hrpn_tf.errors import RunError
from hrpn_tf.workflows.plan.options import PlanOptions
from hrpn_tf.workflows.plan.plan import plan_run

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("tiny_presets")]

GROUPS = {"a": "train", "b": "train", "c": "train", "d": "validation", "e": "test"}


def image(number: int) -> np.ndarray:
    inputs = np.random.default_rng(number).integers(1, 200, (64, 64, 2))
    target = (inputs[..., :1] + np.roll(inputs[..., :1], 1, axis=0)) // 4
    return np.concatenate([inputs, target], axis=-1).astype(np.uint8)


def test_a_subset_is_trained_by_the_recipe_of_the_run_for_as_many_steps(tmp_path: Path) -> None:
    store = make_store(write_slides(tmp_path / "slides", GROUPS, image), tmp_path / "store")
    save_network(tmp_path / "best.keras")
    run = make_run(
        tmp_path / "run",
        tmp_path / "best.keras",
        Contract(ROLES[:2], ("qd",), 0.5, 2, 13, True, 255.0),
        groups=GROUPS,
        store=store.path,
        overrides=[
            "model.preset=plain", "training.epochs=1", "training.batch_size=4", "data.patch=32",
            "data.stride=32", "data.tissue.method=all",
        ],
    )  # fmt: skip
    options = PlanOptions(draws=1, sizes=(1,))
    found = plan_run(run, options=options, progress=False)
    assert found.steps == 3  # an epoch of three groups with a batch each
    (trained,) = found.trained
    assert trained.run.split.train == trained.subset.groups
    assert set(trained.run.split.test) == {"e", *"abc"} - set(trained.subset.groups)
    assert trained.run.config.training.steps == 3
    network = trained.run.load_network()
    patches = np.stack([store.read(int(i)) for i in store.indices(["e"])]).astype(np.float32)
    errors = np.asarray(network(patches[..., :-1]))[..., 0] - patches[..., -1]
    measured = trained.errors["e"]
    assert measured.mse == pytest.approx(float(np.mean(np.square(errors))), rel=1e-4)
    assert measured.variance == pytest.approx(float(patches[..., -1].var()), rel=1e-4)
    width = 2 * float(np.quantile(np.abs(errors), 0.9))
    assert measured.width(0.9) == pytest.approx(width, rel=1e-3)
    assert json.loads((found.folder / "plan.json").read_text())["error"]["law"] is None
    other = PlanOptions(draws=1, sizes=(1,), shorten=0.4)
    with pytest.raises(RunError, match=r"another configuration: .*training\.steps"):
        plan_run(run, options=other, progress=False)
