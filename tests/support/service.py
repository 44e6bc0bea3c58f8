"""A service in a thread, and a client of it."""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import numpy as np

from hrpn_tf.service.server import serve
from hrpn_tf.service.settings import ServiceSettings
from hrpn_tf.slides import write_slide

SECONDS = 60.0


@dataclass(frozen=True)
class Answer:
    """What a service answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, which must be one line."""
        assert self.body.count(b"\n") <= 1, self.body
        return json.loads(self.body)


@dataclass(frozen=True)
class Client:
    """Requests to a service; a connection each."""

    address: str
    token: str | None = None

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(urlsplit(self.address).netloc, timeout=SECONDS)

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        connection = self.connect()
        own = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        try:
            connection.request(method, path, body, {**own, **(headers or {})})
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read())
        finally:
            connection.close()

    def get(self, path: str) -> Answer:
        return self.ask("GET", path)

    def send(self, slide: Path, query: str = "", name: str | None = None) -> Answer:
        with slide.open("rb") as body:
            return self.ask("PUT", f"/v1/slides/{quote(name or slide.name)}?{query}", body)

    def name(self, path: Path | str, **wish: Any) -> Answer:
        text = json.dumps({"path": str(path), **wish})
        return self.ask("POST", "/v1/jobs", text, {"Content-Type": "application/json"})

    def job(self, id: str) -> Any:
        return self.get(f"/v1/jobs/{id}").json

    def wait(self, id: str, *states: str) -> Any:
        """The job, once it is in one of the states."""
        end = time.monotonic() + SECONDS
        while (job := self.job(id))["state"] not in (states or ("done", "failed")):
            assert time.monotonic() < end, job
            time.sleep(0.02)
        return job

    def result(self, id: str) -> bytes:
        answer = self.get(f"/v1/jobs/{id}/result")
        assert answer.status == 200, answer
        return answer.body


def random_slide(path: Path, seed: int, side: int = 200) -> Path:
    """A slide of random pixels."""
    image = np.random.default_rng(seed).integers(0, 256, (side, side, 2), np.uint8)
    write_slide(path, image, channels=("a", "b"), pixel_size_um=0.5, provenance={})
    return path


@contextmanager
def running_service(settings: ServiceSettings) -> Iterator[Client]:
    """A service in a thread; it is stopped as by a signal."""
    ready, found, failed = threading.Event(), list[Any](), list[BaseException]()

    def on_ready(*values: Any) -> None:
        found.extend(values)
        ready.set()

    def run() -> None:
        try:
            serve(settings, on_ready)
        except BaseException as error:  # noqa: BLE001 (raised again in the test)
            failed.append(error)
            ready.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(SECONDS), "the service did not start"
    if failed:
        raise failed[0]
    address, _, stop = found
    try:
        yield Client(address, settings.token)
    finally:
        stop()
        thread.join(SECONDS)
        assert not thread.is_alive(), "the service did not stop"
    if failed:
        raise failed[0]
