"""``hrpn-tf serve`` as a process: its start, its end, and what is refused before."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.command import hrpn_tf
from support.processes import finished_blocks, wait_for
from support.service import Client, random_slide
from support.small_bundle import small_bundle

from hrpn_tf.service.settings import TOKEN_VARIABLE

TOKEN = "0123456789abcdef0123456789abcdef"


@contextmanager
def served(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen, Client]]:
    """The command in a process group of its own; what is left of it is killed."""
    out, err = folder / "out.txt", folder / "err.txt"
    command = ["serve", str(small_bundle()), "--jobs", str(folder / "jobs"), "--port", "0"]
    command += ["--runtime", "onnxruntime"]
    with out.open("w") as first, err.open("w") as second:
        process = subprocess.Popen(
            [sys.executable, "-m", "hrpn_tf", *command, *options],
            stdout=first,
            stderr=second,
            env={**os.environ, TOKEN_VARIABLE: TOKEN},
            start_new_session=True,
        )
    try:

        def address() -> re.Match[str] | None:
            assert process.poll() is None, err.read_text(encoding="utf-8")
            return re.search(r"serving on (\S+),", out.read_text(encoding="utf-8"))

        wait_for(address, 60)
        found = address()
        assert found is not None
        yield process, Client(found[1], TOKEN)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def test_killed_stopped_and_started_again(tmp_path: Path) -> None:
    """SIGKILL leaves a process that ends by itself; SIGTERM ends all in order; nothing is lost."""
    slide = random_slide(tmp_path / "large.ome.tif", 1, 500)
    options = ("--set", "prediction.tile=32", "--max-ram", "1GB")
    with served(tmp_path, *options) as (process, client):
        id = client.send(slide).json["id"]
        wait_for(lambda: finished_blocks(tmp_path / "jobs" / id), 30)
        process.kill()
    killed = finished_blocks(tmp_path / "jobs" / id)
    with served(tmp_path, *options) as (process, client):
        wait_for(lambda: finished_blocks(tmp_path / "jobs" / id) > killed, 60)
        process.send_signal(signal.SIGTERM)
        assert process.wait(40) == 0
    assert (tmp_path / "out.txt").read_text(encoding="utf-8").splitlines()[-1].endswith("are kept")
    assert "Traceback" not in (tmp_path / "err.txt").read_text(encoding="utf-8")
    stopped = finished_blocks(tmp_path / "jobs" / id)
    time.sleep(0.3)
    assert finished_blocks(tmp_path / "jobs" / id) == stopped, "nobody works on it any more"
    with served(tmp_path) as (process, client):  # other settings are another job
        assert client.job(id)["state"] in ("queued", "running", "failed")
        assert Client(client.address).get(f"/v1/jobs/{id}").status == 401
        assert Client(client.address, TOKEN[:-1]).get("/v1/jobs").json["error"] == "TokenError"
        assert Client(client.address).get("/healthz").status == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(40) == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--host", "0.0.0.0"], "--token-file"),
        (["--allow", "nowhere"], "--allow"),
        (["--max-ram", "much"], "--max-ram much"),
        (["--max-ram", "1MB"], "the server alone needs"),
        (["--max-upload", "0"], "--max-upload 0"),
        (["--set", "data.patch=1"], "only prediction"),
        (["--precision", "int8"], "no onnx in int8"),
        (["--host", "192.0.2.1", "--token-file", "token"], "192.0.2.1"),
    ],
)
def test_what_cannot_be_served_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    Path("token").write_text(TOKEN, encoding="utf-8")
    Path("token").chmod(0o600)
    ended = hrpn_tf("serve", small_bundle(), "--port", "0", *options)
    assert ended.exit_code == 2
    assert said in ended.err.splitlines()[-1]


def test_a_bundle_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ended = hrpn_tf("serve", "nowhere", "--port", "0")
    assert (ended.exit_code, "nowhere" in ended.err) == (2, True)
    assert not list(tmp_path.iterdir())


def test_without_the_libraries_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    ended = hrpn_tf("serve", small_bundle())
    assert ended.exit_code == 2
    assert "pip install 'hrpn-tf[serve]'" in ended.err


def test_a_port_that_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
        ended = hrpn_tf("serve", small_bundle(), "--port", port)
    assert ended.exit_code == 2
    assert "choose another" in ended.err


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [("hrpn_tf.cli.serve", "numpy tifffile"), ("hrpn_tf.service.runner", "onnxruntime tensorflow")],
)
def test_the_server_imports_no_more_than_it_needs(module: str, unwanted: str) -> None:
    code = (
        f"import sys, {module}\n"
        f"print(sorted(set({unwanted!r}.split()) & set(sys.modules)), {module!r} in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert done.stdout == "[] True\n", done.stderr
