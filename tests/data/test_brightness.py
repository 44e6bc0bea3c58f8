"""How far slides differ in brightness."""

import numpy as np
import pytest
from support.slides import noise

from hrpn_tf.cli.prepare import summary
from hrpn_tf.data.brightness import brightness_ranges, jitter_over
from hrpn_tf.data.building import build_store


def test_ranges_are_those_of_the_slides(tmp_path, make_list, config):
    images = [noise(0, 64, 64) // 4 * gain for gain in (1, 2, 4)]
    images = [np.stack([noise(9, 64, 64)[..., 0], i[..., 1], i[..., 2]], axis=-1) for i in images]
    store = build_store(make_list(*images), config, tmp_path / "store", progress=False)
    found = brightness_ranges(store.manifest.slides, store.roles[:-1])
    vessels, nuclei = (found[role] for role in store.roles[:-1])
    assert vessels == (1, 1)
    assert nuclei == (pytest.approx(0.5), pytest.approx(2))
    said = summary(store).splitlines()[-1]
    assert "nuclei 0.5 to 2; data.normalisation=slide evens it out" in said
    assert "data.augmentation.gain_jitter=0.95 of hrpn-tf fit" in said


def test_slides_that_are_alike_need_none(tmp_path, make_list, config):
    images = [noise(i, 64, 64) for i in range(3)]
    store = build_store(make_list(*images), config, tmp_path / "store", progress=False)
    assert "gain_jitter" not in summary(store)
    assert jitter_over({}) is None
