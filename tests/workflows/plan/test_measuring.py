"""Errors of a network on patches of a group."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from hrpn_tf.workflows.plan import measuring
from hrpn_tf.workflows.plan.measuring import measure


def store(errors: np.ndarray) -> Any:
    """Patches (N, side, side) whose target is 0, and whose input is the error of ``network``."""
    patches = np.stack([errors, np.zeros_like(errors)], axis=-1)
    return SimpleNamespace(
        patch=errors.shape[1],
        indices=lambda groups: np.arange(len(patches)),
        read=lambda index: patches[index],
    )


def network(batch: np.ndarray) -> Any:
    """Gives its input."""
    return batch


def test_widths_are_those_of_all_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors of the first column, and of each fourth after it, do not stand for the others."""
    monkeypatch.setattr(measuring, "_PIXELS", 8 * 2**12)
    errors = np.ones((8, 128, 128), np.float32)
    errors[:, :, ::4] = 50
    found = measure(network, store(errors), "a")
    assert found.width(0.7) == 2
    assert found.width(0.8) == 100
    assert found.mse == pytest.approx(0.75 + 0.25 * 50**2)


def test_pixels_are_the_same_however_many_patches_are_predicted_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(measuring, "_PIXELS", 4000)
    errors = np.random.default_rng(0).gamma(1, 1, (8, 64, 64)).astype(np.float32)
    found = measure(network, store(errors), "a")
    monkeypatch.setattr(measuring, "_BATCH_PIXELS", 1)
    assert measure(network, store(errors), "a").quantiles == found.quantiles
    np.testing.assert_allclose(
        found.quantiles, np.quantile(errors, measuring.LEVELS), rtol=0.3, atol=0.02
    )
