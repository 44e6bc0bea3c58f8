"""Jobs outlast the service, its processes, and their time."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import tifffile
from support.processes import finished_blocks, wait_for
from support.service import Client, running_service

from hrpn_tf.errors import RunBusyError, ServiceError
from hrpn_tf.service.record import RECORD
from hrpn_tf.service.settings import Limits, ServiceSettings


def worker(settings: ServiceSettings, other_than: int = 0) -> psutil.Process:
    """The process that predicts a job of a service in this process."""
    found = list[psutil.Process]()

    def look() -> bool:
        for one in psutil.Process().children():
            try:
                # two services run here; the one that works on this job has its files open
                mine = any(str(settings.jobs) in file.path for file in one.open_files())
            except psutil.Error:
                continue
            if mine and one.pid != other_than:
                found.append(one)
        return bool(found)

    wait_for(look, 30)
    return found[0]


def record(settings: ServiceSettings, id: str) -> Any:
    return json.loads((settings.jobs / id / RECORD).read_text(encoding="utf-8"))


def change(settings: ServiceSettings, id: str, **values: object) -> None:
    text = json.dumps({**record(settings, id), **values})
    (settings.jobs / id / RECORD).write_text(text, encoding="utf-8")


def begun(client: Client, settings: ServiceSettings, slide: Path, **wish: Any) -> str:
    """A job of which some blocks are finished."""
    id: str = client.name(slide, **wish).json["id"]
    wait_for(lambda: finished_blocks(settings.jobs / id), 30)
    return id


def write_file_of_each_channel(folder: Path, image: np.ndarray) -> None:
    """An OME-TIFF of several files; (C, H, W) uint8. Files that are the same are left alone."""
    folder.mkdir(exist_ok=True)
    channels = range(len(image))
    inside = "".join(
        f'<Channel ID="Channel:0:{c}" Name="{"ab"[c]}" SamplesPerPixel="1"/>' for c in channels
    ) + "".join(
        f'<TiffData FirstC="{c}" IFD="0" PlaneCount="1"><UUID FileName="c{c}.ome.tif">'
        f"urn:uuid:c{c}</UUID></TiffData>"
        for c in channels
    )
    height, width = image.shape[1:]
    for c in channels:
        xml = (
            '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" '
            f'UUID="urn:uuid:c{c}"><Image ID="Image:0"><Pixels ID="Pixels:0" '
            f'DimensionOrder="XYCZT" Type="uint8" SizeX="{width}" SizeY="{height}" '
            f'SizeC="{len(image)}" SizeZ="1" SizeT="1" PhysicalSizeX="0.5" PhysicalSizeY="0.5">'
            f"{inside}</Pixels></Image></OME>"
        )
        path = folder / f"c{c}.ome.tif"
        if path.exists() and np.array_equal(tifffile.imread(path, key=0), image[c]):
            continue
        tifffile.imwrite(path, image[c], description=xml, metadata=None)


def test_a_stopped_service_goes_on_where_it_was(slow: ServiceSettings, folder: Path) -> None:
    with running_service(slow) as client:
        id = begun(client, slow, folder / "large.ome.tif")
        waiting = client.send(folder / "one.ome.tif").json["id"]
    assert record(slow, id)["state"] == record(slow, waiting)["state"] == "queued"
    assert record(slow, id)["attempts"] == 0, "it was stopped in order"
    before = finished_blocks(slow.jobs / id)
    with running_service(slow) as client:
        job = client.wait(id)
        assert job["state"] == "done"
        assert client.wait(waiting)["state"] == "done"
    there = int(job["summary"].split(" blocks were there")[0].rpartition("; ")[2].split(" of ")[0])
    assert there == before > 0


def test_a_job_is_not_finished_with_other_settings(slow: ServiceSettings, folder: Path) -> None:
    slide = folder / "large.ome.tif"
    with running_service(slow) as client:
        id = begun(client, slow, slide)
    with running_service(replace(slow, overrides=("prediction.dtype=uint8",))) as client:
        job = client.wait(id)
        assert job["state"] == "failed"
        assert "was requested with other settings than the service has now" in job["message"]
        assert client.name(slide).json["id"] != id


def test_a_file_that_belongs_to_the_named_one_counts(slow: ServiceSettings, tmp_path: Path) -> None:
    allowed = (tmp_path / "allowed").resolve()
    image = np.random.default_rng(0).integers(0, 255, (2, 64, 64), np.uint8)
    write_file_of_each_channel(allowed, image)
    with running_service(replace(slow, allow=(allowed,), overrides=())) as client:
        before = client.name(allowed / "c0.ome.tif").json["id"]
        assert client.wait(before)["state"] == "done"
        assert client.name(allowed / "c0.ome.tif").json["id"] == before
        write_file_of_each_channel(allowed, np.stack([image[0], image[1, ::-1]]))
        assert client.name(allowed / "c0.ome.tif").json["id"] != before


def test_processes_die_and_jobs_go_on(slow: ServiceSettings, folder: Path) -> None:
    slide = folder / "large.ome.tif"
    with running_service(slow) as client:
        once = begun(client, slow, slide)
        first = worker(slow)
        first.kill()
        assert client.wait(once)["state"] == "done"
        assert record(slow, once)["attempts"] == 2

        twice = begun(client, slow, slide, region=[0, 0, 400, 400])
        first = worker(slow)
        first.kill()
        worker(slow, first.pid).kill()
        job = client.wait(twice)
        assert (job["state"], job["error"]) == ("failed", "WorkerLostError")
        assert "SIGKILL" in job["message"]

        removed = begun(client, slow, slide, region=[9, 9, 400, 400])
        assert client.ask("DELETE", f"/v1/jobs/{removed}").status == 204
        assert not (slow.jobs / removed).exists()
        other = client.send(folder / "one.ome.tif").json["id"]
        assert client.wait(other)["state"] == "done", "others go on"


def test_a_job_that_takes_too_long_fails_and_can_be_sent_again(
    slow: ServiceSettings, folder: Path
) -> None:
    with running_service(replace(slow, limits=Limits(seconds=0.05))) as client:
        sent = client.name(folder / "large.ome.tif")
        job = client.wait(sent.json["id"])
        assert (job["state"], job["error"]) == ("failed", "JobTimeoutError")
        again = client.name(folder / "large.ome.tif")
        assert (again.status, again.json["id"]) == (202, job["id"])


def test_what_lies_in_the_folder_of_the_jobs_does_not_stop_a_service(
    slow: ServiceSettings, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    slide = folder / "two.ome.tif"
    with running_service(slow) as client:
        ids = [client.send(slide, f"region=0,0,{8 + n},8").json["id"] for n in range(4)]
        for id in ids:
            client.wait(id)
    damaged, lost, old, foreign = ids
    (slow.jobs / damaged / RECORD).write_text('{"wish": [', encoding="utf-8")
    (slow.jobs / lost / "result.ome.tif").unlink()
    change(slow, old, finished=1.0)
    change(slow, foreign, network="another", state="queued")
    (slow.jobs / ".upload-0123").mkdir()
    (slow.jobs / "notes.txt").touch()
    with running_service(replace(slow, limits=Limits(keep_days=1))) as client:
        assert client.get(f"/v1/jobs/{damaged}").status == 404
        assert client.wait(lost)["state"] == "done"
        wait_for(lambda: not (slow.jobs / old).exists(), 10)
        assert client.job(foreign)["error"] == "UnfinishedError"
        assert client.send(slide, "region=0,0,8,8").json["id"] == damaged
        assert client.wait(damaged)["state"] == "done"
    assert not (slow.jobs / ".upload-0123").exists()
    assert "not valid JSON" in caplog.text


def test_two_services_do_not_share_a_folder(slow: ServiceSettings) -> None:
    with running_service(slow) as client:
        with pytest.raises(RunBusyError), running_service(slow):
            pass
        assert slow.jobs.is_dir()  # though it is empty
        assert client.get("/readyz").status == 200
    assert not slow.jobs.exists()


def test_a_service_without_a_network_says_why(slow: ServiceSettings, tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    broken = replace(slow, network={"folder": tmp_path / "bundle"})
    with pytest.raises(ServiceError, match=r"bundle\.json"), running_service(broken):
        pass
