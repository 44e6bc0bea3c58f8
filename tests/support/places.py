"""Folders of the checkout."""

from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
ROOT = TESTS.parent
DOCS = ROOT / "docs"
EXPERIMENTS = ROOT / "benchmarks" / "experiments"
# Real images, kept beside the checkout; not everywhere.
SHARED = ROOT.parent / "shared"
