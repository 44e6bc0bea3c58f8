"""The range of grey levels that metrics and limits are relative to."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile

from hrpn_tf.config import Config, DataConfig, TissueConfig, load_config
from hrpn_tf.data.building import build_store
from hrpn_tf.data.plan import owned_settings
from hrpn_tf.data.slide_list import read_slide_list
from hrpn_tf.data.store import PatchStore
from hrpn_tf.errors import ConfigError
from hrpn_tf.training.checks import adopt_store, grey_range


def store_of(folder: Path, dtype: str, grey_max: float | None = None) -> PatchStore:
    """Two slides of counts of 12 bits; the second group has the brightest pixel."""
    folder.mkdir()
    meta = {
        "axes": "CYX",
        "Channel": {"Name": ["vessels", "nuclei", "qd"]},
        "PhysicalSizeX": 0.5,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": 0.5,
        "PhysicalSizeYUnit": "µm",
    }
    for index, peak in enumerate((3900, 4095)):
        counts = np.random.default_rng(index).integers(0, 3000, (3, 64, 64))
        counts[:, 5, 5] = peak
        pixels = counts.astype(dtype)
        tifffile.imwrite(folder / f"{index}.ome.tif", pixels, metadata=meta)
    (folder / "list.csv").write_text("slide,group\n0.ome.tif,a\n1.ome.tif,b\n", encoding="utf-8")
    config = DataConfig(patch=32, stride=32, tissue=TissueConfig(method="all"), grey_max=grey_max)
    entries = read_slide_list(folder / "list.csv", config)
    return build_store(entries, config, folder / "store", progress=False)


@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_other_than_unsigned_types_have_the_range_of_the_training_slides(
    tmp_path: Path, dtype: str
) -> None:
    store = store_of(tmp_path / dtype, dtype)
    largest = float(np.array(3900, dtype))
    assert grey_range(load_config(), store, ["a"]) == largest
    assert grey_range(load_config(), store, ["a", "b"]) == float(np.array(4095, dtype))


def test_a_small_part_of_an_unsigned_type_is_said_and_can_be_stated(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = store_of(tmp_path / "a", "uint16")
    assert grey_range(load_config(), store, ["a"]) == 65535
    assert "reach 3900, 6 % of the range of uint16" in caplog.text
    assert "data.grey_max=4095" in caplog.text
    caplog.clear()
    stated = load_config(overrides=["data.grey_max=4095"])
    assert grey_range(adopt_store(stated, store), store, ["a"]) == 4095
    assert not caplog.records
    with pytest.raises(ConfigError, match=r"data.grey_max is 4000, .* reach 4095"):
        grey_range(load_config(overrides=["data.grey_max=4000"]), store, ["b"])


def test_it_is_stated_once_and_the_run_adopts_it(tmp_path: Path) -> None:
    store = store_of(tmp_path / "a", "uint16", grey_max=4095)
    config: Config = adopt_store(load_config(), store)
    assert config.data.grey_max == 4095
    assert grey_range(config, store, ["a"]) == 4095
    with pytest.raises(ConfigError, match=r"data.grey_max is 1023"):
        adopt_store(load_config(overrides=["data.grey_max=1023"]), store)


def test_stores_of_earlier_versions_have_no_such_key(tmp_path: Path) -> None:
    store = store_of(tmp_path / "a", "float32")
    settings = {k: v for k, v in owned_settings(DataConfig()).items() if k != "grey_max"}
    older = PatchStore(store.path, replace(store.manifest, settings={**settings}), [])
    older.manifest.settings["tissue"]["method"] = "all"  # type: ignore[index]
    stated = load_config(overrides=["data.grey_max=5000"])
    assert adopt_store(stated, older).data.grey_max == 5000
