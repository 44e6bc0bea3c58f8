"""A run that version 0.1 wrote loads and predicts the same."""

import tarfile
from pathlib import Path

import numpy as np
import pytest
from support.command import hrpn_tf
from support.places import TESTS
from support.run_folder import pixels

from hrpn_tf.runs import open_run

CHANNELS = ("--channel", "vessels=vessels", "--channel", "nuclei=nuclei")


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder ``run``, ``slide-001.ome.tif`` and ``predicted.npy``, (128, 128) float32."""
    folder = tmp_path_factory.mktemp("earlier")
    with tarfile.open(TESTS / "support" / "earlier" / "run-0.1.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.mark.parametrize("runtime", ["keras", "auto"])
def test_it_predicts_what_its_own_version_predicted(
    earlier: Path, tmp_path: Path, runtime: str
) -> None:
    done = hrpn_tf(
        "predict", earlier / "slide-001.ome.tif", "--run", earlier / "run", "--out", tmp_path,
        "--runtime", runtime,
    )  # fmt: skip
    assert done.exit_code == 0, done.err
    expected = np.load(earlier / "predicted.npy")
    assert expected.std() > 0.05
    np.testing.assert_allclose(pixels(tmp_path / "slide-001.ome.tif"), expected, atol=1e-5)


def test_its_settings_and_slides_are_read(earlier: Path) -> None:
    run = open_run(earlier / "run")
    assert run.config.model.preset == "hrpn-s"
    assert (run.config.training.epochs, run.config.training.batch_size) == (2, 2)
    assert run.contract.inputs == ("vessels", "nuclei")
    assert run.contract.grey_max == 255
