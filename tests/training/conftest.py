"""A small store of patches, and a configuration that trains on it in a second."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.fine_tuning import SHORT, fine_tuning
from support.run_folder import set_split
from support.tiny_training import TINY_RUN, tiny_presets, tiny_store

from hrpn_tf.config import Config, load_config
from hrpn_tf.data.store import PatchStore
from hrpn_tf.training.fit import fit


@pytest.fixture(scope="module", autouse=True)
def _tiny_presets() -> Iterator[None]:
    with tiny_presets():
        yield


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> PatchStore:
    """Groups a, b, c with 12, 6 and 6 patches of 32 px."""
    return tiny_store(tmp_path_factory.mktemp("training"))


@pytest.fixture
def known_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a precision costs, as if measured: processors differ. ``test_precision_cost`` measures.

    float16 is slow, bfloat16 is not.
    """
    costs = {"mixed_float16": 9.6}
    monkeypatch.setattr(
        "hrpn_tf.training.precision.precision_cost", lambda policy: costs.get(policy, 1.0)
    )


@pytest.fixture
def config() -> Config:
    """Four epochs of three steps on group a, validated on b."""
    return load_config(overrides=TINY_RUN)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Where a run goes; not made yet."""
    return tmp_path / "run"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, store: PatchStore) -> Path:
    """A run of two epochs that knows none of the groups here."""
    run = tmp_path_factory.mktemp("base") / "run"
    fit(store.path, run, load_config(overrides=(*SHORT, "model.preset=tiny")), progress=False)
    set_split(run, {"x": "train", "y": "validation", "z": "test"})
    return run


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory, store: PatchStore, base: Path) -> Path:
    """Fine-tuned from it without interruption, with averaged weights."""
    run = tmp_path_factory.mktemp("tuned") / "run"
    fit(store.path, run, fine_tuning(base, "training.ema=0.5"), progress=False)
    return run
