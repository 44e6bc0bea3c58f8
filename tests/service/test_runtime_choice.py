"""The runtime of a service is settled once, when it starts; old jobs go on as they were begun."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hrpn_export.errors import FormatError
from support.service import random_slide, running_service
from support.small_bundle import small_bundle

from hrpn_tf.prediction.unfinished import Unfinished
from hrpn_tf.service import runtime_choice
from hrpn_tf.service.record import Record, State, write_record
from hrpn_tf.service.runtime_choice import settled
from hrpn_tf.service.settings import ServiceSettings
from hrpn_tf.service.wishes import Wish
from hrpn_tf.slides import read_provenance
from hrpn_tf.workflows.networks import auto, remembered
from hrpn_tf.workflows.networks.auto import Candidates, name_of
from hrpn_tf.workflows.networks.choosing import bundle_candidates
from hrpn_tf.workflows.networks.network import Network
from hrpn_tf.workflows.networks.remembered import Measured

LIGHT = Measured(1.0, 0.2, 10**8, 200.0)
FOUND = {
    "onnxruntime (onnx fp32)": replace(LIGHT, per_mpx=0.5),
    "openvino (onnx fp32)": replace(LIGHT, per_mpx=0.3),
    "tensorflow (saved_model fp32)": LIGHT,
    "keras (keras fp32)": replace(LIGHT, per_mpx=0.1, loaded_bytes=4 * 10**9),
}


@pytest.fixture(autouse=True)
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of the test's own, in which every runtime of the bundle is known.

    The process of the tests holds more than that of a service.
    """
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(runtime_choice, "resident_bytes", lambda: 10**8)
    keep(bundle_candidates(small_bundle()), FOUND)


def keep(candidates: Candidates, found: Mapping[str, Measured]) -> None:
    key = remembered.key_of([auto._identity(each) for each in candidates.networks])
    names = [name_of(each) for each in candidates.networks]
    remembered.remember(key, {name: found[name] for name in names})


def order(jobs: Path, *overrides: str, **network: Any) -> dict[str, Any]:
    jobs.mkdir(exist_ok=True)
    folder = str(small_bundle())
    values = {"network": {"folder": folder, **network}, "overrides": overrides, "workers": 1}
    return {**values, "jobs": str(jobs)}


def waiting(jobs: Path, network: Network, state: State = "queued") -> None:
    """A job of an earlier server."""
    checksum = network.origin()["sha256"]
    record = Record(name="a", path="/a", wish=Wish(), network=checksum, state=state)
    folder = jobs / f"job-{len(list(jobs.iterdir()))}"
    folder.mkdir()
    write_record(folder, record)


def named(choice: auto.Choice) -> str:
    return name_of(choice.network).partition(" ")[0]


def test_the_fastest_that_fits_the_memory_is_served(tmp_path: Path) -> None:
    choice = settled(order(tmp_path / "jobs", "prediction.max_ram=20GB"))
    assert named(choice) == "keras", "its start does not count"
    assert "; remembered; " in choice.why
    assert named(settled(order(tmp_path / "jobs", "prediction.max_ram=2GB"))) == "tensorflow"


def test_what_is_asked_for_is_served(tmp_path: Path) -> None:
    choice = settled(order(tmp_path / "jobs", runtime="onnxruntime"))
    assert (named(choice), choice.why) == ("onnxruntime", "")
    with pytest.raises(FormatError, match="abacus"):
        settled(order(tmp_path / "jobs", runtime="abacus"))


def test_jobs_that_wait_keep_their_format(tmp_path: Path) -> None:
    values, of_bundle = order(tmp_path / "jobs"), bundle_candidates(small_bundle()).networks
    onnx = Candidates(of_bundle[:2])
    keep(onnx, FOUND)
    waiting(tmp_path / "jobs", of_bundle[3], "done")
    waiting(tmp_path / "jobs", onnx.usual)
    (tmp_path / "jobs" / "other").mkdir()
    assert named(settled(values)) == "openvino"


def test_a_job_that_was_begun_goes_on_in_its_runtime(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values, usual = order(tmp_path / "jobs"), bundle_candidates(small_bundle()).usual
    waiting(tmp_path / "jobs", usual)
    model = {**usual.origin(), "runtime": "onnxruntime 1.0"}
    monkeypatch.setattr(Unfinished, "network", lambda self: model)
    choice = settled(values)
    assert named(choice) == "onnxruntime"
    assert "began a job of an earlier server" in choice.why


def test_a_service_says_what_runs_and_its_results_state_it(
    settings: ServiceSettings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    slow = dict.fromkeys(("tensorflow (saved_model fp32)", "keras (keras fp32)"), 9.0)
    found = {**FOUND, **{name: replace(LIGHT, per_mpx=each) for name, each in slow.items()}}
    keep(bundle_candidates(small_bundle()), found)
    own = replace(settings, network={"folder": small_bundle()}, jobs=tmp_path / "jobs", workers=2)
    with running_service(own) as client:
        running = client.get("/readyz").json["runtime"]
        assert running.startswith("openvino ")
        assert running.endswith(" (onnx fp32)")
        assert client.get("/healthz").json["runtime"] == running
        assert client.get("/v1/network").json["runtime"] == running
        slides = [random_slide(tmp_path / f"{i}.ome.tif", i) for i in range(3)]
        ids = [client.send(slide).json["id"] for slide in slides]
        for id in ids:
            assert client.wait(id)["state"] == "done"
            (tmp_path / "got.ome.tif").write_bytes(client.result(id))
            stated = read_provenance(tmp_path / "got.ome.tif")["model"]["runtime"]
            assert stated == running.removesuffix(" (onnx fp32)")
    assert caplog.text.count("runs in openvino (onnx fp32), 0.3 s per megapixel") == 1
