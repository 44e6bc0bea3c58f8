"""The twin of a run: the same network in ONNX, certified, and run without TensorFlow."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hrpn_export.errors import DamagedBundleError, MissingRuntimeError
from support.command import hrpn_tf
from support.exported_run import exportable_run, save_network

from hrpn_tf.errors import DiskFullError, TwinError
from hrpn_tf.prediction import slide_prediction
from hrpn_tf.prediction.blocks import TimedNetwork
from hrpn_tf.runs import open_run
from hrpn_tf.slides import open_slide, read_provenance
from hrpn_tf.workflows.export import twin as making
from hrpn_tf.workflows.networks import twin
from hrpn_tf.workflows.networks.choosing import run_candidates
from hrpn_tf.workflows.networks.run import RunNetwork
from hrpn_tf.workflows.networks.twin import (
    FEATURES,
    TwinNetwork,
    TwinSession,
    open_features,
    open_twin,
)

WITHOUT_TENSORFLOW = """
import sys
from hrpn_tf.cli.main import main
main(sys.argv[1:], standalone_mode=False)
print("loaded:", sorted({"tensorflow", "keras", "scipy", "skimage"} & set(sys.modules)))
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a twin."""
    folder = tmp_path_factory.mktemp("twin")
    run = exportable_run(folder)
    making.write_twin(run)
    return folder


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    return Path(shutil.copytree(made / "run", tmp_path / "run"))


def pixels(path: Path) -> np.ndarray:
    with open_slide(path) as slide:
        return slide.read(0, 0, slide.info.height, slide.info.width, [0])


def test_the_twin_predicts_as_keras_and_loads_no_tensorflow(made: Path, tmp_path: Path) -> None:
    slide, run = next((made / "slides").glob("c*.ome.tif")), made / "run"
    arguments = ["predict", slide, "--run", run, "--out", tmp_path / "twin.ome.tif"]
    command = [sys.executable, "-c", WITHOUT_TENSORFLOW, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, encoding="utf-8")
    assert "loaded: []" in done.stdout
    out = tmp_path / "keras.ome.tif"
    assert hrpn_tf("predict", slide, "--run", run, "--out", out, "--runtime=keras").exit_code == 0
    twin = pixels(tmp_path / "twin.ome.tif")
    assert twin.std() > 1
    assert np.abs(twin - pixels(out)).max() < 0.01, "the limit of fp32"
    by_twin, by_keras = (
        read_provenance(path)["model"] for path in (tmp_path / "twin.ome.tif", out)
    )
    assert by_twin["runtime"].startswith("onnxruntime ")
    assert by_keras["runtime"].startswith("keras ")
    assert by_twin["sha256"] == by_keras["sha256"] == open_run(run).checksum


def test_a_result_of_keras_counts_as_finished_for_the_twin(run: Path, made: Path) -> None:
    slides = sorted((made / "slides").glob("*.ome.tif"))[:2]
    assert hrpn_tf("predict", *slides, "--run", run, "--runtime=keras").exit_code == 0
    again = hrpn_tf("predict", *slides, "--run", run)
    assert again.exit_code == 0
    assert "2 of 2 slides are predicted already" in again.err


def test_an_interrupted_prediction_goes_on_in_its_runtime(
    run: Path, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slide, out = next((made / "slides").glob("c*.ome.tif")), tmp_path / "out.ome.tif"
    command = ["predict", slide, "--run", run, "--out", out, "--tile", "64"]
    real, left = TimedNetwork._run, [1]

    def interrupted(self: TimedNetwork, pixels: np.ndarray) -> np.ndarray:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return real(self, pixels)

    with monkeypatch.context() as patch:
        patch.setattr(TimedNetwork, "_run", interrupted)
        assert hrpn_tf(*command, "--runtime=openvino").exit_code == 130
    refused = hrpn_tf(*command, "--runtime=keras")
    assert refused.exit_code == 2
    assert "differs from this one in model.runtime" in refused.err
    done = hrpn_tf(*command)  # which would begin in ONNX Runtime
    assert done.exit_code == 0
    assert "blocks were there" in done.out
    assert read_provenance(out)["model"]["runtime"].startswith("openvino ")


def test_the_twin_gives_the_features_of_the_network(made: Path) -> None:
    from hrpn_tf.models.features import pooled_features

    run = open_run(made / "run")
    session = TwinNetwork(run).load(None)
    expected = pooled_features(run.load_network())
    patches = np.random.default_rng(0).uniform(0, 200, (3, 33, 50, 2)).astype(np.float32)
    assert expected is not None
    np.testing.assert_allclose(
        session.features(patches),  # type: ignore[attr-defined]
        expected(patches),
        rtol=1e-4,
        atol=1e-5,
    )


def test_a_twin_of_an_earlier_network_is_not_used(run: Path, made: Path, tmp_path: Path) -> None:
    assert len(run_candidates(open_run(run)).networks) > 1
    save_network(run / "best.keras", bias=7.0)
    with pytest.raises(TwinError, match=r"earlier network .* hrpn-tf twin"):
        open_twin(open_run(run))
    slide, out = next((made / "slides").glob("c*.ome.tif")), tmp_path / "out.ome.tif"
    done = hrpn_tf("predict", slide, "--run", run, "--out", out)
    assert done.exit_code == 0
    assert done.err.count("is of an earlier network than") == 1
    assert read_provenance(out)["model"]["runtime"].startswith("keras ")
    forced = hrpn_tf("predict", slide, "--run", run, "--out", out, "--runtime=openvino")
    assert forced.exit_code == 2
    assert "hrpn-tf twin" in forced.err


@pytest.mark.parametrize("damage", ["model", "certificate", "contract", "network", "empty"])
def test_a_damaged_twin_is_not_used(
    run: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    twin = run / "twin"
    if damage == "model":
        path = twin / "onnx" / "fp32" / "model.onnx"
        path.write_bytes(path.read_bytes()[:-1])
    elif damage == "certificate":
        (twin / "certificate.json").write_text("{}")
    elif damage == "empty":
        shutil.rmtree(twin)
        twin.mkdir()
    else:
        manifest = json.loads((twin / "bundle.json").read_text())
        if damage == "contract":
            manifest["contract"]["grey_max"] = 4095.0
        else:
            manifest["provenance"] = {"network": "nonsense"}
        (twin / "bundle.json").write_text(json.dumps(manifest))
    (network,) = run_candidates(open_run(run)).networks
    assert isinstance(network, RunNetwork)
    assert "hrpn-tf twin" in caplog.text


def test_runs_without_a_twin_run_in_keras(run: Path) -> None:
    shutil.rmtree(run / "twin")
    (network,) = run_candidates(open_run(run)).networks
    assert isinstance(network, RunNetwork)
    assert network.ran_by() == "keras"
    with pytest.raises(TwinError, match="has no twin"):
        run_candidates(open_run(run), runtime="onnxruntime")


def test_the_command_makes_it_of_a_run_of_before(run: Path) -> None:
    shutil.rmtree(run / "twin")
    done = hrpn_tf("twin", run)
    assert done.exit_code == 0
    assert "onnxruntime" in done.out
    assert "certified" in done.out
    names = {path.relative_to(run / "twin").as_posix() for path in (run / "twin").rglob("*.*")}
    assert names == {"bundle.json", "certificate.json", FEATURES, "onnx/fp32/model.onnx"}


def test_a_training_ends_well_where_no_twin_can_be_made(
    run: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def missing(*arguments: object) -> None:
        raise MissingRuntimeError("onnx: needs onnxruntime; pip install 'hrpn-tf[onnx]'")

    caplog.set_level("INFO")
    monkeypatch.setattr(making, "write_twin", missing)
    making.twin_after_training(open_run(run), Path("nowhere"))
    assert not caplog.text, "one that is there is kept"
    shutil.rmtree(run / "twin")
    making.twin_after_training(open_run(run), Path("nowhere"))
    assert "predict runs it in Keras; onnx: needs onnxruntime" in caplog.text


def test_a_training_ends_well_without_its_dataset_or_room_for_a_twin(
    run: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.rmtree(run / "twin")
    making.twin_after_training(open_run(run), Path("nowhere"))
    assert "nowhere" in caplog.text

    def full(*arguments: object) -> None:
        raise DiskFullError("twin: No space left on device while writing")

    monkeypatch.setattr(making, "write_twin", full)
    making.twin_after_training(open_run(run), Path("nowhere"))
    assert "No space left on device while writing; predict runs the network in" in caplog.text


def test_an_onnx_runtime_that_cannot_be_loaded_gives_no_features(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is installed, but a library that it needs is not."""
    (tmp_path / "onnxruntime").mkdir()
    (tmp_path / "onnxruntime" / "__init__.py").write_text("raise ImportError('libfoo.so.1')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "onnxruntime", raising=False)
    run = open_run(made / "run")
    assert open_features(run.twin / FEATURES, run.contract) is None


def test_features_are_opened_once_and_what_prevents_it_is_raised_when_they_are_asked_for(
    made: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = TwinNetwork(open_run(made / "run")).load(None)
    assert isinstance(whole, TwinSession)
    whole.open_features()
    opened = whole.features
    assert opened is not None
    monkeypatch.setattr(twin, "open_features", lambda *arguments: pytest.fail("opened again"))
    whole.open_features()
    assert whole.features is opened
    monkeypatch.undo()
    damaged = TwinNetwork(open_run(run)).load(None)
    assert isinstance(damaged, TwinSession)
    (run / "twin" / FEATURES).write_bytes(b"no network")
    damaged.open_features()
    with pytest.raises(DamagedBundleError):
        _ = damaged.features


def test_a_process_that_ends_waits_for_features_that_are_being_opened() -> None:
    """A prediction that is refused or stopped at once."""
    code = """
import time
from pathlib import Path
from types import SimpleNamespace
from hrpn_tf.workflows.networks import twin

def open_slowly(*arguments):
    time.sleep(0.5)
    print("opened", flush=True)

twin.open_features = open_slowly
twin.TwinSession(SimpleNamespace(contract=None), Path(twin.__file__)).open_features()
raise SystemExit(3)
"""
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (3, "opened\n", "")


def test_features_count_where_the_memory_is_measured(
    run: Path, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hrpn_tf("describe-training", run, "--store", made / "store").exit_code == 0
    events: list[str] = []
    opening, probing = twin.open_features, slide_prediction.probe_session
    monkeypatch.setattr(
        twin, "open_features", lambda *given: (events.append("features"), opening(*given))[1]
    )
    monkeypatch.setattr(
        slide_prediction,
        "probe_session",
        lambda *given: (events.append("memory"), probing(*given))[1],
    )
    slide = next((made / "slides").glob("c*.ome.tif"))
    out = tmp_path / "out.ome.tif"
    assert hrpn_tf("predict", slide, "--run", run, "--out", out, "--max-ram=40GB").exit_code == 0
    assert events == ["features", "memory"]
