"""A run folder with a small Keras network, its slides, and the command that predicts them."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hrpn_export import Contract

from hrpn_tf.cli.main import run as hrpn_tf
from hrpn_tf.config import load_config, to_yaml
from hrpn_tf.prediction.unfinished import Unfinished, Work
from hrpn_tf.slides import open_slide, write_slide

ROLES = ("vessels", "nuclei", "qd")
GROUPS = {"a": "train", "b": "validation", "c": "test"}
TILE = 64


def save_network(path: Path, inputs: int = 2, seed: int = 0) -> None:
    """A network with a stride, zero padding and a receptive field of a few tens of pixels."""
    import keras

    keras.utils.set_random_seed(seed)
    x = grey = keras.Input((None, None, inputs))
    fine = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    x = keras.layers.Conv2D(6, 3, strides=4, padding="same", activation="relu")(fine)
    x = keras.layers.Conv2D(6, 3, padding="same", activation="relu")(x)
    x = keras.layers.Conv2DTranspose(4, 4, strides=4)(x)
    x = keras.layers.Concatenate()([fine, x])
    keras.Model(grey, keras.layers.Conv2D(1, 3, padding="same")(x)).save(path)


def make_run(
    run: Path,
    network: Path,
    contract: Contract | None = None,
    overrides: tuple[str, ...] = (f"prediction.tile={TILE}",),
) -> Path:
    """What ``hrpn-tf fit`` leaves of a network, as far as ``predict`` reads it."""
    run.mkdir(parents=True)
    (run / "best.keras").write_bytes(network.read_bytes())
    (run / "hrpn.yaml").write_text(to_yaml(load_config(overrides=overrides)))
    contract = contract or Contract(ROLES[:2], ("qd",), 0.5, 4, 41, True, 255.0)
    (run / "contract.json").write_text(contract.to_json())
    split = {
        subset: {"groups": [g for g, s in GROUPS.items() if s == subset], "slides": []}
        for subset in ("train", "validation", "test")
    }
    (run / "split.json").write_text(json.dumps(split))
    return run


def write(
    path: Path,
    seed: int = 0,
    channels: tuple[str, ...] = ROLES,
    size: float | None = 0.5,
    shape: tuple[int, int] = (150, 201),
    position: tuple[float, float] | None = None,
) -> Path:
    """A slide of noise."""
    image = np.random.default_rng(seed).integers(0, 256, (*shape, len(channels)), np.uint8)
    write_slide(
        path,
        image,
        channels=channels,
        pixel_size_um=size,
        position_um=position,
        provenance={},
        overwrite=True,
    )
    return path


def predict(run: Path, *arguments: object) -> int:
    """Exit code of ``hrpn-tf predict``."""
    with pytest.raises(SystemExit) as stop:
        hrpn_tf(["predict", "--run", str(run), *map(str, arguments)])
    assert isinstance(stop.value.code, int)
    return stop.value.code


def change_contract(run: Path, **changes: object) -> None:
    """Let the run's network promise something else."""
    path = run / "contract.json"
    values = asdict(Contract.from_json(path.read_text()))
    path.write_text(json.dumps({**values, **changes}))


def pixels(path: Path) -> np.ndarray:
    """(H, W) of the first channel of a slide."""
    with open_slide(path) as slide:
        return slide.read(0, 0, slide.info.height, slide.info.width, [0])[..., 0]


def files_below(path: Path) -> dict[str, bytes]:
    """Name and content of a file, or of every file in a folder."""
    if path.is_file():
        return {"": path.read_bytes()}
    return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file()}


def finished_blocks(out: Path) -> set[int]:
    """Numbers of the blocks that an unfinished prediction has."""
    folders = Unfinished(out).folder.glob("work-*")
    return {index for folder in folders for index in Work(folder).journal().finished()}
