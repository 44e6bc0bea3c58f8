"""The same mistake has the same exit code and a named error in every command."""

import os
from pathlib import Path

import numpy as np
import pytest
from support.command import hrpn_tf

from hrpn_tf.slides import write_slide

MISSING = [
    "fit nowhere --out o",
    "crossval nowhere --out o",
    "prepare nowhere.csv --out o",
    "predict slide.ome.tif --run nowhere",
    "predict slide.ome.tif --bundle nowhere --out o",
    "evaluate --run nowhere",
    "report nowhere",
    "compare nowhere --out o",
    "calibrate nowhere",
    "export nowhere --out o",
    "describe-training nowhere",
    "twin nowhere",
    "benchmark nowhere --out o",
    "serve nowhere",
    "benchmark --compare nowhere nowhere",
    "benchmark slide.ome.tif --out o --plan nowhere",
    "inspect nowhere",
    "simulate --config nowhere --out o",
    "config --config nowhere",
]
# Not a file but something that never ends.
ENDLESS = [
    "prepare pipe.csv --out o",
    "config --config pipe.csv",
    "simulate --config pipe.csv --out o",
    "benchmark nowhere --plan pipe.csv --out o",
    "prepare /dev/zero --out o",
    "config --config /dev/zero",
]
PIXEL_SIZE = [
    "prepare list.csv --out o --pixel-size -1",
    "prepare list.csv --out o --set data.pixel_size_um=-1",
    "predict slide.ome.tif --run nowhere --pixel-size nan",
    "predict slide.ome.tif --run nowhere --pixel-size 0",
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: a slide, its list, and a pipe."""
    monkeypatch.chdir(tmp_path)
    write_slide(
        tmp_path / "slide.ome.tif",
        np.zeros((9, 9, 3), np.uint8),
        channels=("vessels", "nuclei", "qd"),
        pixel_size_um=0.5,
        provenance={},
    )
    (tmp_path / "list.csv").write_text("slide,group\nslide.ome.tif,m\n", encoding="utf-8")
    os.mkfifo(tmp_path / "pipe.csv")
    return tmp_path


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("command", [*MISSING, *ENDLESS, *PIXEL_SIZE])
def test_what_cannot_be_done_as_asked_ends_with_2(command: str) -> None:
    ended = hrpn_tf(*command.split())
    assert ended.exit_code == 2, ended.err
    assert ended.err.startswith(("hrpn-tf: ", "Usage: "))
    assert "Traceback" not in ended.err


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "command", ["init . --out list.csv", "init . --out list.csv/o", "simulate --out list.csv/o"]
)
def test_a_file_where_a_folder_is_needed_is_named(command: str) -> None:
    ended = hrpn_tf(*command.split())
    out = command.split()[-1]
    assert ended.err == f"hrpn-tf: {out}: a file lies where a folder is needed\n"
    assert ended.exit_code == 2
