"""Weights of a small network in a catalogue of their own."""

from pathlib import Path

import pytest

from hrpn_tf.weights import catalogue
from hrpn_tf.weights.catalogue import write_registry
from hrpn_tf.workflows.pack_weights import Packing, pack_weights, register
from support.run_folder import make_run, save_network

NAME = "small-sim"
PACKING = Packing(
    "a small network for tests", pixel_sizes_um=(0.25, 1.0), simulated=True, licence="CC0-1.0"
)


def make_weights(folder: Path) -> Path:
    """A registry with one network, in ``FOLDER/package``; gives that folder."""
    save_network(folder / "network.keras")
    run = make_run(folder / "run", folder / "network.keras")
    package = folder / "package"
    package.mkdir()
    write_registry(package, {})
    pack_weights(run, NAME, package, PACKING)
    register(package, NAME)
    return package


def use(monkeypatch: pytest.MonkeyPatch, package: Path, user: Path) -> None:
    """Let all commands know these weights, and no others."""
    monkeypatch.setattr(catalogue, "package_folder", lambda: package)
    monkeypatch.setenv(catalogue.VARIABLE, str(user))
