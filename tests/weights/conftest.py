"""Weights of a small network, made once."""

import shutil
from pathlib import Path

import pytest
from support.small_weights import make_weights, use


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Do not change it."""
    return make_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture
def package(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy, which is all that the commands know."""
    own = shutil.copytree(made, tmp_path / "package")
    use(monkeypatch, own, tmp_path / "user")
    return own
