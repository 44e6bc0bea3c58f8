"""Keras files that could do more than compute, or take all memory."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras
import pytest
from hrpn_export.errors import DamagedBundleError
from hrpn_export.runtimes.keras_file import load_keras
from hrpn_export.safety import check_keras
from support.bundles import exported

KERAS = "keras/fp32/model.keras"


def changed_keras(path: Path, *, config: Any = None, weights: Any = None, more: Any = ()) -> Path:
    """The Keras file of a bundle with another configuration, other weights, or further parts."""
    with zipfile.ZipFile(exported() / KERAS) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    if config is not None:
        values = json.loads(parts["config.json"])
        config(next(x for x in values["config"]["layers"] if x["class_name"] == "Conv2D"))
        parts["config.json"] = json.dumps(values).encode()
    if weights is not None:
        file = io.BytesIO(parts["model.weights.h5"])
        with h5py.File(file, "r+") as opened:
            names: list[str] = []
            opened.visititems(
                lambda n, x: (
                    names.append(n) if isinstance(x, h5py.Dataset) and x.ndim == 4 else None
                )
            )
            weights(opened, names[0], opened[names[0]].shape)
        parts["model.weights.h5"] = file.getvalue()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (*more, *parts.items()):
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"), ("builtins", "eval"), ("keras.utils", "get_file"),
        ("keras.config", "enable_unsafe_deserialization"), ("keras.saving", "load_model"),
        ("keras.src.utils.file_utils", "extract_archive"),
    ],
)  # fmt: skip
def test_a_function_of_another_kind_is_no_activation(tmp_path, module, name):
    def change(layer: Any) -> None:
        kind = {"class_name": "function", "config": name, "registered_name": name}
        layer["config"]["activation"] = {**kind, "module": module}

    path = changed_keras(tmp_path / "model.keras", config=change)
    with pytest.raises(DamagedBundleError, match=f"holds {name} of {module}"):
        check_keras(path)


@pytest.mark.parametrize(
    ("module", "kind"),
    [
        ("subprocess", "Popen"), ("keras.src.saving.saving_lib", "os.system"),
        ("keras.layers", "Pipeline"), ("keras.src.layers.core.lambda_layer", "Other"),
    ],
)  # fmt: skip
def test_a_class_of_another_kind_is_no_layer(tmp_path, module, kind):
    path = changed_keras(
        tmp_path / "model.keras", config=lambda x: x.update(module=module, class_name=kind)
    )
    with pytest.raises(DamagedBundleError, match=f"holds {kind} of {module}"):
        check_keras(path)


def external(file: Any, name: str, shape: tuple[int, ...]) -> None:
    del file[name]
    file.create_dataset(name, shape=shape, dtype="f4", external=[("secret", 0, 4096)])


def linked(file: Any, name: str, shape: tuple[int, ...]) -> None:
    del file[name]
    file[name] = h5py.ExternalLink("secret.h5", "x")


def cycle(file: Any, name: str, shape: tuple[int, ...]) -> None:
    file["loop"] = h5py.SoftLink("/")


def virtual(file: Any, name: str, shape: tuple[int, ...]) -> None:
    del file[name]
    layout = h5py.VirtualLayout(shape=shape, dtype="f4")
    layout[...] = h5py.VirtualSource("secret.h5", "x", shape=shape)
    file.create_virtual_dataset(name, layout)


def huge(file: Any, name: str, shape: tuple[int, ...]) -> None:
    del file[name]
    file.create_dataset(name, shape=(2**20, 2**18), dtype="f4", chunks=(1024, 1024))


@pytest.mark.parametrize(
    ("weights", "match"),
    [
        (external, "lie elsewhere"), (linked, "are links"), (cycle, "are links"),
        (virtual, "lie elsewhere"), (huge, "weights would take"),
    ],
)  # fmt: skip
def test_weights_that_lie_elsewhere_or_are_huge_are_refused(tmp_path, weights, match):
    path = changed_keras(tmp_path / "model.keras", weights=weights)
    with pytest.raises(DamagedBundleError, match=match):
        check_keras(path)


@pytest.mark.parametrize("change", [{"filters": 2**28}, {"kernel_size": [2**15, 2**15]}])
def test_a_layer_larger_than_its_weights_takes_no_memory(tmp_path, change):
    path = changed_keras(tmp_path / "model.keras", config=lambda x: x["config"].update(change))
    check_keras(path)
    before = keras.layers.Layer.add_weight
    with pytest.raises(DamagedBundleError, match="larger than the weights in the file"):
        load_keras(path)
    assert keras.layers.Layer.add_weight is before


def test_a_part_that_is_there_twice_is_refused(tmp_path):
    path = tmp_path / "model.keras"
    with pytest.warns(UserWarning, match="Duplicate name"):
        changed_keras(path, more=[("config.json", b"{}")])
    with pytest.raises(DamagedBundleError, match="two parts of one name"):
        check_keras(path)


def test_deeply_nested_layers_are_refused(tmp_path):
    config: Any = {"class_name": "Sequential", "config": {}}
    for _ in range(120):
        config = {"class_name": "Sequential", "config": {"layers": [config]}}
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
    with pytest.raises(DamagedBundleError, match="nested more than"):
        check_keras(path)
