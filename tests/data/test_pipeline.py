"""The stream of batches: right pairs, repeatable order, fair shuffling, stateless augmentation."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chisquare
from support.slides import noise, write_slide

from hrpn_tf.config import AugmentationConfig
from hrpn_tf.data.augmentation import draw, move
from hrpn_tf.data.building import build_store
from hrpn_tf.data.order import Order
from hrpn_tf.data.pipeline import make_dataset
from hrpn_tf.data.slide_list import SlideEntry
from hrpn_tf.data.window import Window
from hrpn_tf.errors import ConfigError, StoreError

NONE = AugmentationConfig(flips=False, quarter_turns=False)
SHUFFLED = Order(batch_size=4, seed=3)
STORED = replace(SHUFFLED, shuffle=False)


def patches(dataset) -> np.ndarray:
    """All patches of a dataset, inputs and target put together again."""
    parts = [np.concatenate([x.numpy(), y.numpy()], axis=-1) for x, y in dataset]
    return np.concatenate(parts)


def symmetries(patch: np.ndarray) -> list[np.ndarray]:
    turned = [np.rot90(patch, k) for k in range(4)]
    return turned + [np.flipud(p) for p in turned]


def test_unshuffled_gives_every_patch_once_in_order(store):
    got = list(make_dataset(store, ["g0", "g2"], replace(STORED, batch_size=5)))
    assert [len(x) for x, _ in got] == [5, 5, 5, 3]
    assert all(x.dtype == y.dtype == np.float32 for x, y in got)
    expected = [store.read(i) for i in store.indices(["g0", "g2"])]
    np.testing.assert_array_equal(patches(got), np.array(expected, np.float32))


@pytest.mark.parametrize(
    ("inputs", "dtype"), [(1, "uint8"), (1, "float32"), (3, "uint16"), (5, "float32")]
)
def test_any_number_of_inputs_of_any_type(tmp_path, config, inputs, dtype):
    roles = tuple(f"c{i}" for i in range(inputs))
    image = noise(0, 64, 96, dtype, channels=inputs + 1)
    path = write_slide(tmp_path / "a.ome.tif", image, channels=(*roles, "qd"))
    entry = SlideEntry("a", path, "g", {role: role for role in (*roles, "qd")})
    config = config.model_copy(update={"inputs": roles, "channels": {}})
    store = build_store([entry], config, tmp_path / "store", progress=False)
    got = patches(make_dataset(store, ["g"], STORED))
    expected = [image[y : y + 32, x : x + 32] for y in (0, 32) for x in (0, 32, 64)]
    np.testing.assert_array_equal(got, np.array(expected, np.float32))


def test_static_shapes(store):
    inputs, target = make_dataset(store, ["g0"], SHUFFLED).element_spec
    assert inputs.shape == (4, 32, 32, 2)
    assert target.shape == (4, 32, 32, 1)


def test_same_seed_and_epoch_same_batches_others_differ(store):
    jitter = AugmentationConfig(gain_jitter=0.2)

    def run(**changes):
        order = replace(SHUFFLED, **changes)
        return patches(make_dataset(store, store.groups, order, jitter, window=Window(20)))

    first = run()
    assert first.shape == (24, 20, 20, 3)
    np.testing.assert_array_equal(first, run())
    assert not np.array_equal(first, run(epoch=1))
    assert not np.array_equal(first, run(seed=4))


def test_a_shuffled_epoch_holds_every_patch_once(store):
    got = patches(make_dataset(store, ["g0"], SHUFFLED))
    stored = {store.read(i).tobytes() for i in store.indices(["g0"])}
    assert {p.astype(np.uint8).tobytes() for p in got} == stored
    assert len(got) == len(stored)


def test_inputs_and_target_are_turned_and_flipped_together(store):
    order = replace(SHUFFLED, batch_size=12)
    numbers = order.uses(store.indices(["g0"]))[:, 1]
    seen = set()
    got = patches(make_dataset(store, ["g0"], order, AugmentationConfig()))
    for index, patch in zip(numbers, got, strict=True):
        same = [np.array_equal(s, patch) for s in symmetries(store.read(int(index)))]
        assert sum(same) == 1
        seen.add(same.index(True))
    assert len(seen) > 3


def test_all_symmetries_are_equally_likely():
    patch = np.arange(16, dtype=np.uint16).reshape(4, 4, 1).repeat(2, axis=2)
    all_eight = [s.tobytes() for s in symmetries(patch)]
    changes = [draw((0, 1, i), 4, 1, AugmentationConfig(), None) for i in range(2000)]
    seen = Counter(
        all_eight.index(np.stack(move(patch, change), axis=-1).tobytes()) for change in changes
    )
    assert chisquare([seen[i] for i in range(8)]).pvalue > 1e-3


def test_gains_scale_inputs_within_the_limit_and_leave_the_target(store):
    jitter = NONE.model_copy(update={"gain_jitter": 0.3})
    plain = patches(make_dataset(store, store.groups, STORED))
    changed = patches(make_dataset(store, store.groups, STORED, jitter))
    np.testing.assert_array_equal(changed[..., 2], plain[..., 2])
    ratios = changed[..., :2] / plain[..., :2]
    gains = ratios.mean(axis=(1, 2))
    np.testing.assert_allclose(ratios, np.broadcast_to(gains[:, None, None], ratios.shape), 1e-4)
    assert np.abs(gains - 1).max() < 0.3 + 1e-5
    assert np.abs(gains - 1).max() > 0.2
    assert len(np.unique(gains.round(5))) == gains.size


def test_offsets_and_gammas_change_inputs_as_they_say(store):
    plain = patches(make_dataset(store, store.groups, STORED)).astype(np.float64)
    bright = np.array(store.bright_levels)
    jitter = {"gain_jitter": 0.3, "offset_jitter": 9.0, "gamma_jitter": 0.4}
    changes = NONE.model_copy(update=jitter)
    changed = patches(make_dataset(store, store.groups, STORED, changes))
    np.testing.assert_array_equal(changed[..., 2], plain[..., 2])
    seen = []
    for index, patch in enumerate(plain):
        change = draw((3, 0, index), 32, 2, AugmentationConfig(**jitter), None)
        gain, offset, gamma = change.tones.astype(np.float64)
        wanted = gain * bright * (patch[..., :2] / bright) ** gamma + offset
        np.testing.assert_allclose(changed[index, ..., :2], wanted, rtol=1e-3, atol=1e-3)
        seen.append([gain, offset, gamma])
    gain, offset, gamma = np.moveaxis(seen, 1, 0)
    assert 5 < np.abs(offset).max() <= 9
    assert 1 / 1.4 <= gamma.min() < 0.8
    assert 1.2 < gamma.max() <= 1.4
    # one that is switched off leaves the draws of the others as they were
    only = AugmentationConfig(gain_jitter=0.3)
    np.testing.assert_allclose(draw((3, 0, 0), 32, 2, only, None).tones[0], gain[0], rtol=1e-6)


def test_crops_are_windows_of_the_patch_and_vary(store):
    corners = set()
    got = patches(make_dataset(store, ["g0"], STORED, window=Window(30)))
    for index, crop in enumerate(got):
        patch = store.read(index)
        found = [
            (y, x)
            for y in range(3)
            for x in range(3)
            if np.array_equal(patch[y : y + 30, x : x + 30], crop)
        ]
        assert len(found) == 1
        corners.add(found[0])
    assert len(corners) > 3


@pytest.mark.parametrize(
    ("groups", "window", "error"),
    [(["g0"], 33, ConfigError), (["g7"], None, StoreError), ([], None, StoreError)],
)
def test_impossible_requests_are_refused(store, groups, window, error):
    with pytest.raises(error):
        make_dataset(store, groups, SHUFFLED, window=window and Window(window))
