"""Does `hrpn-tf serve` lose a job under many clients, and does it stay within ``--max-ram``?

    python benchmarks/experiments/serve_load.py              # 64 clients, an untrained hrpn-s
    python benchmarks/experiments/serve_load.py --bundle BUNDLE --max-ram 2GB

Every client sends a slide of its own over the loopback interface, asks how far it is, and fetches
the result; every fourth first breaks off an upload. When a third of the results are there, the
service gets SIGTERM and is started again. Each result is compared with a prediction without the
service. Prints a Markdown table.
"""

import argparse
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MB = 10**6
_PATIENCE = 1800.0  # s for one client in all
_POLL = 0.3


def main() -> None:
    """Run the load, compare the results, and print a table."""
    options = _options()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        bundle = options.bundle or _bundle(folder / "bundle", options.preset)
        slides = [_slide(folder, number, options.side) for number in range(options.clients)]
        load = _Load(folder, bundle.absolute(), options.max_ram)
        load.run(slides)
        wrong = _wrong(bundle, slides, folder)
        _report(load, options, wrong)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0].replace("`", ""))
    add = parser.add_argument
    add("--clients", type=int, default=64, help="clients at once")
    add("--side", type=int, default=512, help="side of each slide, px")
    add("--max-ram", default="650MB", help="memory of the service")
    add("--preset", default="hrpn-s", help="network, untrained, if no bundle is given")
    add("--bundle", type=Path, help="bundle to serve")
    add("--folder", help="folder for slides, jobs and results")
    return parser.parse_args()


@dataclass
class _Load:
    """A service, its clients, and what happens to them."""

    folder: Path
    bundle: Path
    max_ram: str
    port: int = 0
    process: "subprocess.Popen[bytes] | None" = None
    seconds: list[float] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    retries: int = 0
    peak: int = 0
    stop_seconds: float = 0.0
    stop_code: int | None = None
    wall: float = 0.0
    ended: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, slides: list[Path]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._start()
        threads = [threading.Thread(target=self._watch), threading.Thread(target=self._restart,
                   args=(len(slides) // 3,))]  # fmt: skip
        for thread in threads:
            thread.start()
        began = time.monotonic()
        with ThreadPoolExecutor(len(slides)) as pool:
            list(pool.map(self._client, range(len(slides)), slides))
        self.wall = time.monotonic() - began
        self.ended = True
        for thread in threads:
            thread.join()
        self._stop()

    def _start(self) -> None:
        jobs = self.folder / "jobs"
        command = [sys.executable, "-m", "hrpn_tf", "serve", self.bundle, "--jobs", jobs, "--port",
                   self.port, "--max-ram", self.max_ram, "--quiet"]  # fmt: skip
        self.process = subprocess.Popen(list(map(str, command)))
        while True:
            try:
                self._ask("GET", "/readyz")
                return
            except OSError:
                if self.process.poll() is not None:
                    raise SystemExit("the service did not start") from None
                time.sleep(0.1)

    def _stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(120)

    def _restart(self, after: int) -> None:
        while len(self.seconds) < after and not self.ended:
            time.sleep(0.1)
        began = time.monotonic()
        self.stop_code = self._stop()
        self.stop_seconds = time.monotonic() - began
        self._start()

    def _watch(self) -> None:
        """Memory of the server and of all processes below it."""
        while not self.ended:
            assert self.process is not None
            self.peak = max(self.peak, sum(map(_resident, _family(self.process.pid))))
            time.sleep(0.02)

    def _client(self, number: int, slide: Path) -> None:
        began = time.monotonic()
        try:
            if number % 4 == 0:
                self._break_off(slide)
            id = self._again(lambda: self._send(slide))
            while (state := self._again(lambda: self._state(id))) not in ("done", "failed"):
                if time.monotonic() - began > _PATIENCE:
                    raise RuntimeError(f"{state} for too long")
                time.sleep(_POLL)
            if state == "failed":
                raise RuntimeError("failed")
            body = self._again(lambda: self._ask("GET", f"/v1/jobs/{id}/result"))
            (self.folder / f"got-{slide.name}").write_bytes(body)
        except (OSError, RuntimeError) as error:
            with self.lock:
                self.lost.append(f"{slide.name}: {error}")
            return
        with self.lock:
            self.seconds.append(time.monotonic() - began)

    def _again(self, ask: Callable[[], Any]) -> Any:
        """Ask until the service answers; it is away while it is started again."""
        end = time.monotonic() + 120
        while True:
            try:
                return ask()
            except (OSError, http.client.HTTPException, _BusyError):
                if time.monotonic() > end:
                    raise
                with self.lock:
                    self.retries += 1
                time.sleep(_POLL)

    def _send(self, slide: Path) -> str:
        answer = self._ask("PUT", f"/v1/slides/{slide.name}", slide.read_bytes())
        return str(json.loads(answer)["id"])

    def _state(self, id: str) -> str:
        return str(json.loads(self._ask("GET", f"/v1/jobs/{id}"))["state"])

    def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status in (429, 503):
            raise _BusyError(content.decode())
        if answer.status >= 400:
            raise RuntimeError(f"{answer.status} {content.decode()}")
        return content

    def _break_off(self, slide: Path) -> None:
        body = slide.read_bytes()
        head = (f"PUT /v1/slides/{slide.name} HTTP/1.1\r\nHost: localhost\r\n"
                f"Content-Length: {len(body)}\r\n\r\n")  # fmt: skip
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as one:
            one.sendall(head.encode() + body[: len(body) // 2])


class _BusyError(Exception):
    pass


def _family(process: int) -> list[int]:
    """A process and those below it."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text(encoding="utf-8").rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    found = [process]
    for each in found:
        found += children.get(each, [])
    return found


def _resident(process: int) -> int:
    try:
        text = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
        return 1024 * int(text.split("VmRSS:")[1].split()[0])
    except (OSError, IndexError):
        return 0


def _bundle(out: Path, preset: str) -> Path:
    """An untrained network of a preset as ONNX; neither speed nor memory depends on its weights."""
    import numpy as np
    from hrpn_export import About, Contract, Evidence, export_bundle

    from hrpn_tf.models.build import build_model
    from hrpn_tf.models.graph import receptive_field, stride_multiple

    model = build_model(preset, inputs=2)
    step, field_px = stride_multiple(model), receptive_field(model)
    names = ("vessels", "nuclei")
    contract = Contract(names, ("qd",), 0.5, step, field_px, True, 255.0)
    patches = np.random.default_rng(0).integers(0, 256, (2, 128, 128, 2)).astype(np.float32)
    evidence = Evidence(patches, np.asarray(model(patches)) + 1)
    artefacts = [("onnx", "fp32")]
    export_bundle(
        model, contract, out, artefacts=artefacts, evidence=evidence, about=About(preset),
        uncertified=True,
    )  # fmt: skip
    return out


def _slide(folder: Path, number: int, side: int) -> Path:
    import numpy as np

    from hrpn_tf.slides import write_slide

    path = folder / f"{number:03d}.ome.tif"
    image = np.random.default_rng(number).integers(0, 256, (side, side, 2), np.uint8)
    names = ("vessels", "nuclei")
    write_slide(path, image, channels=names, pixel_size_um=0.5, provenance={})
    return path


def _wrong(bundle: Path, slides: list[Path], folder: Path) -> int:
    """Results that differ from a prediction without the service."""
    import numpy as np

    from hrpn_tf.slides import open_slide
    from hrpn_tf.workflows.networks.bundle import BundleNetwork
    from hrpn_tf.workflows.predict.options import Execution
    from hrpn_tf.workflows.predict.predict import predict_run

    def pixels(path: Path) -> Any:
        with open_slide(path) as slide:
            return slide.read(0, 0, slide.info.height, slide.info.width, [0])

    there = [slide for slide in slides if (folder / f"got-{slide.name}").exists()]
    execution = Execution(progress=False, on_done=lambda line: None)
    predict_run(BundleNetwork(bundle), there, out=folder / "expected", execution=execution)
    pairs = ((folder / f"got-{s.name}", folder / "expected" / s.name) for s in there)
    return sum(not np.allclose(pixels(a), pixels(b), rtol=0, atol=1e-3) for a, b in pairs)


def _report(load: _Load, options: argparse.Namespace, wrong: int) -> None:
    seconds = sorted(load.seconds)
    pixels = len(seconds) * options.side**2 / MB
    left = len(list((load.folder / "jobs").glob(".upload-*")))
    for text in load.lost:
        print(text, file=sys.stderr)
    rows = {
        "clients at once": options.clients,
        "results": len(seconds),
        "lost": len(load.lost),
        "other than without the service": wrong,
        "uploads broken off, and left on the disk": f"{-(-options.clients // 4)}, {left}",
        "requests that were repeated while it was away": load.retries,
        "wait for a result, median and longest": f"{statistics.median(seconds):.1f} s, "
        f"{seconds[-1]:.1f} s",
        "all results": f"{load.wall:.1f} s, {pixels / load.wall:.2f} Mpx/s",
        "SIGTERM": f"exit code {load.stop_code} after {load.stop_seconds:.1f} s",
        f"memory of all processes, of {options.max_ram}": f"{load.peak / MB:.0f} MB",
    }
    print("| | |\n|---|---:|")
    for name, value in rows.items():
        print(f"| {name} | {value} |")


if __name__ == "__main__":
    main()
