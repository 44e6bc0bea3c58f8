"""Uploads that break off, clients that are slow or go away, and disks that are full."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from support.full_disk import largest_file
from support.processes import wait_for
from support.service import Client, random_slide

from hrpn_tf.service import http_server
from hrpn_tf.service.record import PENDING
from hrpn_tf.service.settings import ServiceSettings


@contextmanager
def connected(client: Client) -> Iterator[socket.socket]:
    place = urlsplit(client.address)
    assert place.hostname is not None
    with socket.create_connection((place.hostname, place.port or 0), timeout=30) as one:
        yield one


def head(name: str, length: int) -> bytes:
    lines = (f"PUT /v1/slides/{name} HTTP/1.1", "Host: localhost", f"Content-Length: {length}")
    return "\r\n".join((*lines, "", "")).encode()


def jobs(client: Client) -> list[Any]:
    found: list[Any] = client.get("/v1/jobs").json["jobs"]
    return found


def said(one: socket.socket) -> bytes:
    """All that a service answers before it closes a connection."""
    parts = []
    while part := one.recv(4096):
        parts.append(part)
    return b"".join(parts)


def pending(settings: ServiceSettings) -> list[Path]:
    return list(settings.jobs.glob(f"{PENDING}*"))


def test_a_client_that_goes_away_leaves_nothing(client: Client, settings: ServiceSettings) -> None:
    with connected(client) as one:
        one.sendall(head("gone.tif", 10**6) + b"x" * 10**5)
        wait_for(lambda: pending(settings), 10)
    wait_for(lambda: not pending(settings), 10)
    assert client.get("/readyz").status == 200


def test_a_slow_client_is_cut_off(client: Client, settings: ServiceSettings) -> None:
    with connected(client) as one:
        one.sendall(head("slow.tif", 10**6) + b"x")
        answer = said(one)
    assert answer.startswith(b"HTTP/1.1 408"), answer
    assert b'"SlowClientError"' in answer
    wait_for(lambda: not pending(settings), 10)


def test_a_client_that_drips_is_cut_off_too(client: Client, settings: ServiceSettings) -> None:
    with connected(client) as one:
        one.sendall(head("drip.tif", 10**6))
        one.settimeout(0.1)
        answer, end = b"", time.monotonic() + 10
        while not answer and time.monotonic() < end:
            one.sendall(b"x")
            try:
                answer = one.recv(4096)
            except TimeoutError:
                continue
    assert answer.startswith(b"HTTP/1.1 408"), answer
    wait_for(lambda: not pending(settings), 10)


def test_a_silent_connection_is_closed(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "_HEADER_SECONDS", 0.2)
    with connected(client) as one:
        one.sendall(b"GET / HT")
        assert one.recv(100) == b""


def test_an_upload_that_is_too_large_is_refused(client: Client, settings: ServiceSettings) -> None:
    stated = client.ask("PUT", "/v1/slides/a.tif", b"x" * (5 * 2**20))
    assert (stated.status, stated.json["error"]) == (413, "UploadTooLargeError")
    pieces = (b"x" * 2**20 for _ in range(5))  # without a length: HTTP sends it in chunks
    streamed = client.ask("PUT", "/v1/slides/a.tif", pieces)
    assert (streamed.status, streamed.json["error"]) == (413, "UploadTooLargeError")
    assert not pending(settings)


def test_an_empty_upload_is_refused(client: Client, settings: ServiceSettings) -> None:
    answer = client.ask("PUT", "/v1/slides/a.tif", b"")
    assert (answer.status, answer.json["error"]) == (400, "BrokenUploadError")
    assert not pending(settings)


def test_a_full_disk_is_507_and_the_service_goes_on(
    client: Client, settings: ServiceSettings, folder: Path
) -> None:
    with largest_file(2**20):
        answer = client.ask("PUT", "/v1/slides/full.tif", b"x" * (3 * 2**20))
    assert (answer.status, answer.json["error"]) == (507, "DiskFullError")
    assert not pending(settings)
    with largest_file(10):  # not even the state of a job
        answer = client.name(folder / "two.ome.tif", region=[0, 0, 8, 8])
    assert (answer.status, answer.json["error"]) == (507, "DiskFullError")
    assert not pending(settings)
    sent = client.name(folder / "two.ome.tif", region=[0, 0, 8, 8])
    assert client.wait(sent.json["id"])["state"] == "done"


def test_a_disk_that_fills_up_while_a_slide_is_predicted(client: Client, tmp_path: Path) -> None:
    """The limit is that of the process that predicts, which is there from the first job on."""
    workers = [one for one in psutil.Process().children() if "hrpn_tf.service.worker" in
               one.cmdline()]  # fmt: skip
    before = [one.rlimit(psutil.RLIMIT_FSIZE) for one in workers]
    slide = random_slide(tmp_path / "new.ome.tif", 8)
    for one in workers:
        one.rlimit(psutil.RLIMIT_FSIZE, (10_000, before[0][1]))
    try:
        job = client.wait(client.send(slide).json["id"])
    finally:
        for one, limit in zip(workers, before, strict=True):
            one.rlimit(psutil.RLIMIT_FSIZE, limit)
    assert (job["state"], job["error"]) == ("failed", "DiskFullError"), job
    assert client.send(slide).json["id"] == job["id"]
    assert client.wait(job["id"])["state"] == "done", "it goes on when there is room"


def test_clients_that_leave_before_the_end_of_an_answer(client: Client, folder: Path) -> None:
    id = client.send(folder / "one.ome.tif").json["id"]
    for path in (f"/v1/jobs/{id}/events", f"/v1/jobs/{id}/result"):
        with connected(client) as one:
            one.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            one.recv(10)
    assert client.wait(id)["state"] == "done"


def test_more_jobs_than_the_service_takes_on(client: Client, settings: ServiceSettings) -> None:
    wait_for(lambda: not any(job["state"] in ("queued", "running") for job in jobs(client)), 30)
    with ExitStack() as stack:
        for number in range(settings.limits.jobs):
            one = stack.enter_context(connected(client))
            one.sendall(head(f"{number}.tif", 10**6))
        wait_for(lambda: len(pending(settings)) == settings.limits.jobs, 10)
        answer = client.ask("PUT", "/v1/slides/more.tif", b"x")
    assert (answer.status, answer.json["error"]) == (429, "TooManyJobsError")
    assert answer.headers["retry-after"]
    wait_for(lambda: not pending(settings), 10)


@pytest.mark.parametrize("line", ["Host: [", "Host: localhost\r\nOrigin: http://["])
def test_a_malformed_address_is_refused(client: Client, line: str) -> None:
    with connected(client) as one:
        one.sendall(f"GET /v1/jobs HTTP/1.1\r\n{line}\r\n\r\n".encode())
        answer = said(one)
    assert answer.startswith(b"HTTP/1.1 403"), answer
    assert b'"ForeignRequestError"' in answer
