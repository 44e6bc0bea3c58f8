"""Stopped at any moment and run again, a prediction ends as if it had not been stopped."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.processes import environment
from support.run_folder import (
    change_contract,
    files_below,
    finished_blocks,
    make_run,
    pixels,
    predict,
    save_network,
    write,
)

from hrpn_tf.prediction.blocks import TimedNetwork
from hrpn_tf.prediction.unfinished import Unfinished

NAMES = ("out.ome.tif", "out.ome.zarr")


def break_after(monkeypatch: pytest.MonkeyPatch, tiles: int) -> None:
    """As if the user pressed Ctrl-C then."""
    real, left = TimedNetwork._run, [tiles]

    def run(self: TimedNetwork, pixels: object) -> object:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return real(self, pixels)  # type: ignore[arg-type]

    monkeypatch.setattr(TimedNetwork, "_run", run)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("more", [[], ["overwrite"], ["anchor"]])
def test_killed_at_steps_on_the_disk(tmp_path: Path, name: str, more: list[str]) -> None:
    """At every fifteenth of about 140, those of the last step, ``finish``, included."""
    program = [sys.executable, "-m", "support.crash_points", str(tmp_path), name, "15", *more]
    done = subprocess.run(program, env=environment(), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    *differences, last = done.stdout.splitlines()
    assert differences == []
    assert int(last.split()[0]) > 60


@pytest.mark.parametrize("name", NAMES)
def test_the_command_goes_on_where_it_was_stopped(
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
) -> None:
    slide, out, reference = tmp_path / "a.ome.tif", tmp_path / "x" / name, tmp_path / "y" / name
    assert predict(run, slide, "--out", reference) == 0
    stopped = []
    for tiles in (4, 1, 2):
        with monkeypatch.context() as patch:
            break_after(patch, tiles)
            assert predict(run, slide, "--out", out) == 130
        assert "stopped; run the same command again to go on" in capsys.readouterr().err
        assert not out.exists()
        stopped.append(len(finished_blocks(out)))
    assert stopped == [4, 5, 7], "what was computed is kept"
    assert predict(run, slide, "--out", out) == 0
    assert "7 of 12 blocks were there" in capsys.readouterr().out
    assert files_below(out) == files_below(reference)
    assert [p.name for p in out.parent.iterdir()] == [name]


def _promise_less(run: Path) -> None:
    change_contract(run, receptive_field=21)
    os.utime(run / "best.keras", ns=(1, 2))  # a process loads a network once, by its date


CHANGES: list[tuple[str, Callable[[Path], object], list[object]]] = [
    (r"model\.sha256", lambda run: save_network(run / "best.keras", seed=1), []),
    (r"contract\.receptive_field", _promise_less, []),
    (r"input\.sha256\.a\.ome\.tif", lambda run: write(run.parent / "a.ome.tif", 9), []),
    (r"input\.channels\.vessels|channels", lambda run: None, ["--channel", "vessels=2"]),
    (r"configuration\.prediction\.dtype", lambda run: None, ["--dtype", "uint8"]),
    (r"configuration\.prediction\.tile", lambda run: None, ["--tile", 80]),
    (r"configuration\.prediction\.halo", lambda run: None, ["--halo", 8]),
    (r"region", lambda run: None, ["--region", "0,0,100,100"]),
    (r"configuration\.prediction\.skip_empty", lambda run: None, ["--no-skip-empty"]),
]


@pytest.mark.parametrize(("name", "change", "options"), CHANGES)
def test_what_changed_since_is_named(
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    change: Callable[[Path], object],
    options: list[object],
) -> None:
    slide, out = tmp_path / "a.ome.tif", tmp_path / "x" / "out.ome.tif"
    with monkeypatch.context() as patch:
        break_after(patch, 3)
        assert predict(run, slide, "--out", out) == 130
    change(run)
    capsys.readouterr()
    assert predict(run, slide, "--out", out, *options) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert re.search(rf"differs from this one in ({name})", said[0]), said
    assert "give --overwrite to start anew" in said[0]
    assert len(finished_blocks(out)) == 3
    assert predict(run, slide, "--out", out, "--overwrite", *options) == 0
    assert "blocks were there" not in capsys.readouterr().out
    assert [p.name for p in out.parent.iterdir()] == [out.name]
    fresh = tmp_path / "y" / "out.ome.tif"
    assert predict(run, slide, "--out", fresh, *options) == 0
    assert files_below(out) == files_below(fresh)


def test_conditions_may_change_and_copies_may_be_newer(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory, time limits, and dates of files decide nothing of the result."""
    slide, out = tmp_path / "a.ome.tif", tmp_path / "x" / "out.ome.tif"
    with monkeypatch.context() as patch:
        break_after(patch, 3)
        assert predict(run, slide, "--out", out) == 130
    os.utime(slide, ns=(1, 2))
    more = ["--max-ram", "40GB", "--set", "prediction.io_timeout=77"]
    assert predict(run, slide, "--out", out, *more) == 0


def test_a_plan_that_no_longer_fits_the_memory_is_not_gone_on_with(
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """If it was asked for; what happens to be free decides only how it is begun."""
    from hrpn_tf.memory import resident_bytes

    slide, out = tmp_path / "a.ome.tif", tmp_path / "x" / "out.ome.tif"
    with monkeypatch.context() as patch:
        break_after(patch, 3)
        assert predict(run, slide, "--out", out) == 130
    less = (resident_bytes() or 0) // 2
    assert predict(run, slide, "--out", out, "--max-ram", str(less)) == 2
    assert "was begun with tiles that need" in capsys.readouterr().err.splitlines()[-1]
    monkeypatch.setattr("hrpn_tf.prediction.predict.memory_available", lambda: 0)
    monkeypatch.setattr("hrpn_tf.prediction.predict.resident_bytes", lambda: less)
    assert predict(run, slide, "--out", out) == 0


def test_a_second_process_on_one_output_is_refused(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.ome.tif"
    with Unfinished(out).held():
        # file locks belong to open files: this process opens the folder a second time
        assert predict(run, tmp_path / "a.ome.tif", "--out", out) == 2
        assert "another process is working there" in capsys.readouterr().err
    assert not out.exists()


def start(run: Path, slide: Path, out: Path) -> subprocess.Popen:
    code = "from hrpn_tf.cli.main import run; run()"
    options = ["predict", slide, "--run", run, "--out", out, "--tile", 64, "--no-skip-empty"]
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.nightly
def test_a_shipped_network_killed_at_random(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``hrpn-s`` in processes of their own, by a power cut and by a scheduler."""
    import keras
    from hrpn_export import Contract

    from hrpn_tf.models.build import build_model
    from hrpn_tf.models.graph import receptive_field, stride_multiple

    keras.utils.set_random_seed(0)
    model = build_model("hrpn-s", 2)
    model.save(tmp_path / "best.keras")
    contract = Contract(
        ("vessels", "nuclei"), ("qd",), 0.5, stride_multiple(model), receptive_field(model),
        True, 255.0,
    )  # fmt: skip
    run = make_run(tmp_path / "run", tmp_path / "best.keras", contract)
    slide = write(tmp_path / "slide.ome.tif", shape=(230, 320))  # seconds of work after each stop
    reference, out = tmp_path / "x" / "out.ome.tif", tmp_path / "y" / "out.ome.tif"
    options = ("--no-skip-empty", "--tile", 64)
    assert predict(run, slide, "--out", reference, *options) == 0
    for stop, code in ((signal.SIGKILL, -9), (signal.SIGTERM, 143)):
        process = start(run, slide, out)
        before = finished_blocks(out) if out.parent.exists() else set()
        while len(finished_blocks(out)) < len(before) + 3:
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        time.sleep(random.random() / 8)
        process.send_signal(stop)
        _, errors = process.communicate()
        assert process.returncode == code, errors
        assert "Traceback" not in errors
    capsys.readouterr()
    assert predict(run, slide, "--out", out, *options) == 0
    assert "blocks were there" in capsys.readouterr().out
    assert out.read_bytes() == reference.read_bytes()
    assert [p.name for p in out.parent.iterdir()] == [out.name]
    assert pixels(out).std() > 0
