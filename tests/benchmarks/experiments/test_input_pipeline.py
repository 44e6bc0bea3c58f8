"""The benchmark command keeps working, and the stream of batches stays within its memory."""

import re
import subprocess
import sys

import pytest
from support.places import EXPERIMENTS

SCRIPT = EXPERIMENTS / "input_pipeline.py"


@pytest.mark.nightly
def test_feeding_is_lean(tmp_path):
    arguments = ["--patches", "96", "--patch", "256", "--steps", "1", "--train-batch", "1"]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments, "--folder", str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    memory = re.search(r"peak memory (\d+) MiB above", done.stdout)
    assert memory is not None
    assert "times the training's" in done.stdout
    assert int(memory[1]) < 1024
    assert not list(tmp_path.iterdir())
