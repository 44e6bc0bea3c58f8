"""A run has the settings that shaped its patches, each of them, or is refused."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel

from hrpn_tf.config import DataConfig, load_config
from hrpn_tf.data.manifest import MANIFEST
from hrpn_tf.data.plan import OF_TRAINING, owned_settings
from hrpn_tf.data.store import PatchStore
from hrpn_tf.errors import ConfigError, StoreError
from hrpn_tf.training.checks import adopt_store

# key: (as prepared, another value); as YAML, which JSON is.
OWNED: dict[str, tuple[str, str]] = {
    "inputs": ('["vessels", "nuclei"]', '["vessels"]'),
    "target": ('"qd"', '"tracer"'),
    "channels": ('{"vessels": "CD31"}', '{"vessels": "SMA"}'),
    "pixel_size_um": ("0.4", "0.3"),
    "grey_max": ("4095.0", "1023.0"),
    "z": ("3", '"max"'),
    "patch": ("32", "64"),
    "stride": ("32", "16"),
    "edge": ('"drop"', '"pad"'),
    "normalisation": ('"slide"', '"none"'),
    "reference": (
        '{"vessels": [2.0, 90.0], "nuclei": [3.0, 80.0]}',
        '{"vessels": [2.0, 91.0], "nuclei": [3.0, 80.0]}',
    ),
    "tissue.method": ('"threshold"', '"all"'),
    "tissue.threshold": ("7.0", "8.0"),
    "tissue.scale_um": ("12.0", "8.0"),
    "tissue.min_share": ("0.25", "0.05"),
}


def keys(section: type[BaseModel], above: str = "") -> Iterator[str]:
    for name, field in section.model_fields.items():
        kind: Any = field.annotation
        if above + name in OF_TRAINING:
            continue
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from keys(kind, f"{above}{name}.")
        else:
            yield above + name


@pytest.fixture
def prepared(store: PatchStore) -> PatchStore:
    """A store of patches that says that it was made with the settings above."""
    config = load_config(overrides=[f"data.{key}={value}" for key, (value, _) in OWNED.items()])
    manifest = replace(store.manifest, settings=owned_settings(config.data))
    return PatchStore(store.path, manifest, [])


def value_of(data: DataConfig, key: str) -> object:
    found: Any = data.model_dump(mode="json")
    for part in key.split("."):
        found = found[part]
    return found


def test_the_table_has_every_key() -> None:
    assert set(keys(DataConfig)) == set(OWNED), "a new key shapes patches, or is of training"


@pytest.mark.parametrize("key", OWNED)
def test_a_key_that_is_left_out_is_adopted(prepared: PatchStore, key: str) -> None:
    assert value_of(adopt_store(load_config(), prepared).data, key) == json.loads(OWNED[key][0])
    # also beside other keys of the same section
    other = "tissue.method" if key != "tissue.method" else "tissue.threshold"
    config = load_config(overrides=[f"data.{other}={OWNED[other][0]}"])
    assert value_of(adopt_store(config, prepared).data, key) == json.loads(OWNED[key][0])


@pytest.mark.parametrize("key", OWNED)
def test_a_key_that_contradicts_is_refused(prepared: PatchStore, key: str) -> None:
    config = load_config(overrides=[f"data.{key}={OWNED[key][1]}"])
    with pytest.raises(ConfigError, match=rf"data\.{key} is .* prepared with"):
        adopt_store(config, prepared)


def test_what_does_not_contradict_is_kept(store: PatchStore, prepared: PatchStore) -> None:
    """Channels of roles that the store leaves open; a pixel size where every slide had its own."""
    config = load_config(overrides=["data.channels={nuclei: DAPI}"])
    assert adopt_store(config, prepared).data.channels == {"vessels": "CD31", "nuclei": "DAPI"}
    plain = load_config(overrides=["data.pixel_size_um=0.3"])
    assert adopt_store(plain, store).data.pixel_size_um == 0.3


def test_a_store_says_how_it_was_made(store: PatchStore) -> None:
    settings = json.loads((store.path / MANIFEST).read_text())["settings"]
    assert settings["tissue"]["method"] == "all"
    assert adopt_store(load_config(), store).data.tissue.method == "all"


def test_older_and_damaged_stores(store: PatchStore, caplog: pytest.LogCaptureFixture) -> None:
    older = PatchStore(store.path, replace(store.manifest, settings=None), [])
    assert adopt_store(load_config(), older).data.patch == 32
    assert "did not record its tissue settings" in caplog.text
    damaged = replace(store.manifest, settings={"tissue": {"method": "guess"}})
    with pytest.raises(StoreError, match="settings are damaged"):
        adopt_store(load_config(), PatchStore(store.path, damaged, []))
