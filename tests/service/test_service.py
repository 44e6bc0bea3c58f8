"""What a client gets of a service: slides in, predictions out."""

import json
import re
import threading
from pathlib import Path

import numpy as np
import pytest
import tifffile
from support.service import Client, random_slide
from support.small_bundle import small_bundle

from hrpn_tf.service import store
from hrpn_tf.service.settings import ServiceSettings
from hrpn_tf.slides import open_slide, read_provenance
from hrpn_tf.workflows.networks.bundle import BundleNetwork
from hrpn_tf.workflows.predict.options import Execution, PredictionOptions
from hrpn_tf.workflows.predict.predict import predict_run


def pixels(path: Path) -> np.ndarray:
    with open_slide(path) as slide:
        return slide.read(0, 0, slide.info.height, slide.info.width, [0])


def expected(slide: Path, out: Path, options: PredictionOptions | None = None) -> np.ndarray:
    """What ``hrpn-tf predict`` gives."""
    network = BundleNetwork(small_bundle())
    predict_run(network, [slide], out=out, options=options, execution=Execution(progress=False))
    return pixels(out)


def test_an_upload_is_predicted_as_by_the_command(client: Client, tmp_path: Path) -> None:
    slide = random_slide(tmp_path / "one.ome.tif", 4)
    sent = client.send(slide)
    assert sent.status == 202
    assert sent.headers["location"] == f"/v1/jobs/{sent.json['id']}"
    job = client.wait(sent.json["id"])
    assert job["state"] == "done", job
    (tmp_path / "got.ome.tif").write_bytes(client.result(job["id"]))
    wanted = expected(slide, tmp_path / "wanted.ome.tif")
    np.testing.assert_array_equal(pixels(tmp_path / "got.ome.tif"), wanted)
    with tifffile.TiffFile(tmp_path / "got.ome.tif") as tif:
        assert tif.is_ome
    made = read_provenance(tmp_path / "got.ome.tif")
    assert list(made["input"]["sha256"]) == ["one.ome.tif"]


def test_a_region_of_a_slide_on_the_server(client: Client, folder: Path, tmp_path: Path) -> None:
    from hrpn_tf.prediction.tiling import Region

    slide = folder / "two.ome.tif"
    sent = client.name(slide, region=[10, 20, 60, 40], channels={"a": "b", "b": "a"})
    job = client.wait(sent.json["id"])
    assert job["state"] == "done", job
    answer = client.get(job["links"]["result"])
    assert 'filename="two_10_20_60_40_predicted.ome.tif"' in answer.headers["content-disposition"]
    (tmp_path / "got.ome.tif").write_bytes(answer.body)
    options = PredictionOptions(region=Region(20, 10, 40, 60), channels={"a": "b", "b": "a"})
    wanted = expected(slide, tmp_path / "wanted.ome.tif", options)
    np.testing.assert_array_equal(pixels(tmp_path / "got.ome.tif"), wanted)


def test_a_part_of_a_result_can_be_fetched(client: Client, folder: Path) -> None:
    id = client.send(folder / "one.ome.tif").json["id"]
    client.wait(id)
    part = client.ask("GET", f"/v1/jobs/{id}/result", headers={"Range": "bytes=0-3"})
    assert (part.status, part.body) == (206, client.result(id)[:4])


def test_two_requests_for_one_result_are_one_job(client: Client, folder: Path) -> None:
    slide = folder / "one.ome.tif"
    one = client.send(slide, "region=0,0,64,64").json["id"]
    assert client.send(slide, "region=0,0,64,64", "other-name.ome.tif").json["id"] == one
    assert client.send(slide, "region=0,0,64,66").json["id"] != one
    client.wait(one)
    assert client.send(slide, "region=0,0,64,64").status == 200
    named = [client.name(slide).json["id"] for _ in range(2)]
    assert named[0] == named[1] != one
    ids = [job["id"] for job in client.get("/v1/jobs").json["jobs"]]
    assert len(ids) == len(set(ids))


def test_events_follow_a_job_to_its_end(client: Client, folder: Path) -> None:
    id = client.name(folder / "large.ome.tif").json["id"]
    answer = client.get(f"/v1/jobs/{id}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    texts = [part.removeprefix("data: ") for part in answer.body.decode().split("\n\n") if part]
    states = [json.loads(text)["state"] for text in texts]
    assert states[-1] == "done"
    assert set(states) <= {"queued", "running", "done"}


def test_the_service_describes_itself_without_a_foreign_request(client: Client) -> None:
    assert client.get("/healthz").json["status"] == "ok"
    assert client.get("/readyz").json["status"] == "ready"
    assert client.get("/v1/network").json["contract"]["inputs"] == ["a", "b"]
    schema = client.get("/openapi.json").json
    page = client.get("/docs")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    text = page.body.decode()
    for path in schema["paths"]:
        assert f"<code>{path}</code>" in text
    assert re.findall(r'(?:src|href)="([^"]*)"', text) == ["/openapi.json"]
    assert "<script" not in text
    assert "`" not in text
    assert "<code>error</code>" in text


def test_a_removed_job_is_gone(client: Client, settings: ServiceSettings, folder: Path) -> None:
    id = client.send(folder / "two.ome.tif").json["id"]
    client.wait(id)
    assert client.ask("DELETE", f"/v1/jobs/{id}").status == 204
    assert client.get(f"/v1/jobs/{id}").status == 404
    assert not (settings.jobs / id).exists()


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("region=190,190,50,50", "RegionError"),
        ("channel=a=SpGreen", "UnknownChannelError"),
        ("channel=c=a", "UsageError"),
    ],
)
def test_what_the_slide_does_not_have_is_named(
    client: Client, settings: ServiceSettings, folder: Path, query: str, error: str
) -> None:
    job = client.wait(client.send(folder / "one.ome.tif", query).json["id"])
    assert (job["state"], job["error"]) == ("failed", error), job
    assert job["message"].isprintable()
    assert str(settings.jobs) not in job["message"]
    result = client.get(f"/v1/jobs/{job['id']}/result")
    assert (result.status, result.json["error"]) == (409, "JobNotDoneError")


def test_a_file_that_is_no_slide(
    client: Client, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a.tif").write_bytes(b"II*\0 no \x1b[31m TIFF")
    for tries in (1, 2):  # a failed job can be tried again
        job = client.wait(client.send(tmp_path / "a.tif").json["id"])
        assert (job["state"], job["error"]) == ("failed", "SlideFormatError")
        assert caplog.text.count(f"{job['id']}: a.tif: SlideFormatError") == tries


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("GET", "/v1/jobs/0123456789abcdef01234567", 404, "JobNotFoundError"),
        ("GET", "/v1/jobs/..%2F..%2Fetc", 404, "HttpError"),
        ("GET", "/v1/jobs/no-job", 422, "JobRequestError"),
        ("PUT", "/v1/slides/a.csv", 422, "JobRequestError"),
        ("PUT", "/v1/slides/a.tif?region=1,2", 422, "JobRequestError"),
        ("PUT", "/v1/slides/a.tif?z=%1b%5b31m", 422, "JobRequestError"),
        ("PUT", "/v1/slides/a.tif?pixel_size_um=x", 422, "JobRequestError"),
        ("POST", "/v1/jobs", 422, "JobRequestError"),
        ("PATCH", "/v1/jobs", 405, "HttpError"),
    ],
)
def test_impossible_requests_get_one_line(
    client: Client, method: str, path: str, status: int, error: str
) -> None:
    answer = client.ask(method, path, b"body")
    assert (answer.status, answer.json["error"]) == (status, error)
    assert answer.body.rstrip().decode().isprintable()


def test_paths_outside_the_allowed_folders(client: Client, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.ome.tif").write_bytes((folder / "one.ome.tif").read_bytes())
    for path in (tmp_path / "secret.ome.tif", tmp_path / "missing.tif", "/etc/passwd"):
        answer = client.name(path)
        assert (answer.status, answer.json["error"]) == (403, "ForbiddenPathError")
    assert client.name(folder / "missing.tif").status == 404


def test_a_drive_that_does_not_answer_holds_up_nobody(
    client: Client, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = threading.Event()

    def hang(path: Path) -> list[object]:
        answers.wait(20)
        return []

    monkeypatch.setattr(store, "state_of", hang)
    monkeypatch.setattr(store, "_LOOK_SECONDS", 0.2)
    try:
        for _ in range(3):
            answer = client.name(folder / "one.ome.tif")
            assert (answer.status, answer.json["error"]) == (504, "StalledError")
        sent = client.send(random_slide(tmp_path / "other.ome.tif", 5, 64))
        assert client.wait(sent.json["id"])["state"] == "done"
    finally:
        answers.set()
