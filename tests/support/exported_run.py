"""A run with a small trained-looking network, its store and its slides, and the command."""

import json
from pathlib import Path

import numpy as np
from hrpn_export import Contract

from hrpn_tf.cli.main import run as hrpn_tf
from hrpn_tf.config import DataConfig, TissueConfig, load_config, to_yaml
from hrpn_tf.data.slide_list import read_slide_list
from hrpn_tf.data.store import build_store
from hrpn_tf.slides import write_slide

ROLES = ("vessels", "nuclei", "qd")
GROUPS = {"a": "train", "b": "validation", "c": "test"}
SHAPE, PATCH = (110, 150), 48


def image(seed: int) -> np.ndarray:
    """The target is what the network of :func:`save_network` gives, and noise."""
    rng = np.random.default_rng(seed)
    inputs = rng.integers(0, 180, (*SHAPE, 2))
    target = inputs[..., :1] // 2 + rng.integers(0, 30, (*SHAPE, 1))
    return np.concatenate([inputs, target], axis=-1).astype(np.uint8)


def save_network(path: Path) -> None:
    """Near half of the vessels, by layers that every format has to deal with."""
    import keras

    keras.utils.set_random_seed(3)
    grey = keras.Input((None, None, 2))
    x = keras.layers.Rescaling(1 / 64)(grey)
    coarse = keras.layers.Conv2D(4, 3, strides=2, padding="same", use_bias=False)(x)
    coarse = keras.layers.ReLU()(keras.layers.BatchNormalization()(coarse))
    coarse = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(coarse)
    coarse = keras.layers.Conv2DTranspose(2, 2, strides=2)(coarse)
    first = keras.layers.Conv2D(1, 1, use_bias=False)
    last = keras.layers.Conv2D(1, 3, padding="same")
    y = keras.layers.Add()([first(x), last(coarse)])
    model = keras.Model(grey, keras.layers.Rescaling(64.0)(y), name="small")
    first.set_weights([np.array([0.5, 0.0], np.float32).reshape(1, 1, 2, 1)])
    last.set_weights([w * 0.05 for w in last.get_weights()])
    model.save(path)


def make_run(folder: Path) -> Path:
    """What ``hrpn-tf fit`` leaves, as far as ``export`` reads it."""
    slides, run = folder / "slides", folder / "run"
    slides.mkdir(parents=True)
    run.mkdir()
    lines = ["slide,group"]
    for seed, group in enumerate(GROUPS):
        path = slides / f"{group}.ome.tif"
        write_slide(path, image(seed), channels=ROLES, pixel_size_um=0.5, provenance={})
        lines.append(f"{path.name},{group}")
    (slides / "slides.csv").write_text("\n".join(lines))
    config = DataConfig(patch=PATCH, stride=PATCH, tissue=TissueConfig(method="all"))
    entries = read_slide_list(slides / "slides.csv", config)
    store = build_store(entries, config, folder / "store", progress=False)
    save_network(run / "best.keras")
    contract = Contract(ROLES[:2], ("qd",), 0.5, 2, 13, True, 255.0)
    (run / "contract.json").write_text(contract.to_json())
    (run / "hrpn.yaml").write_text(to_yaml(load_config(overrides=["data.tissue.method=all"])))
    (run / "store.json").write_text(json.dumps({"path": str(store.path)}))
    split = {
        subset: {"groups": [g for g, s in GROUPS.items() if s == subset], "slides": []}
        for subset in ("train", "validation", "test")
    }
    (run / "split.json").write_text(json.dumps(split))
    return run


def command(*arguments: object) -> int:
    """Exit code of ``hrpn-tf``."""
    try:
        hrpn_tf([str(argument) for argument in arguments])
    except SystemExit as stop:
        return int(stop.code or 0)
    raise AssertionError("hrpn-tf ends with an exit code")
