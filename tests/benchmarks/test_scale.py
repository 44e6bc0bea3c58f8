"""The figures of docs/scale.md are those that the script prints."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def tables(*options: str) -> list[str]:
    command = [sys.executable, str(ROOT / "benchmarks" / "scale.py"), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip().split("\n\n")


def test_the_document_says_what_the_script_prints() -> None:
    text = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    assert len(tables()) == 2
    for table in tables():
        assert table in text


@pytest.mark.parametrize("option", ["--slides=20000", "--side=30000", "--tissue=0.25"])
def test_the_figures_follow_the_assumptions(option: str) -> None:
    assert tables(option) != tables()


def test_hours_are_pixels_over_speed() -> None:
    """By hand: 1e8 px, all of it tissue, at 1 Mpx/s are 100 s a slide, 36 slides an hour."""
    nodes = tables("--slides=36", "--side=10000", "--tissue=1.0", "--cpu-mpx-s=1.0")[1]
    assert "| CPU, 2 cores | 0.028 | 1 | 0.1 |" in nodes
