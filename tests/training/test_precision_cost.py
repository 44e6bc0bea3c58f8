import warnings

import keras
import pytest
import tensorflow as tf

from hrpn_tf.training import precision
from hrpn_tf.training.precision import precision_cost, warn_if_slow


@pytest.fixture
def fake_times(monkeypatch):
    """Policies take the seconds that the test says, and nothing is computed."""

    def fake(seconds):
        monkeypatch.setattr(precision, "_pass", lambda policy, images: policy)
        monkeypatch.setattr(precision, "_seconds", lambda policy: seconds[policy])

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    return fake


def test_cost_is_in_units_of_float32(fake_times):
    fake_times({"float32": 0.5, "mixed_float16": 4.8})
    assert precision_cost("mixed_float16") == pytest.approx(9.6)


def test_a_slow_policy_is_named_with_its_cost(fake_times):
    fake_times({"float32": 0.5, "mixed_float16": 4.8})
    message = (
        r"mixed_float16 takes 9\.6 times as long as float32 on this processor \(measured\); "
        "use training.precision=float32 or mixed_bfloat16"
    )
    with pytest.warns(UserWarning, match=message):
        warn_if_slow("mixed_float16")


def test_a_slow_policy_is_not_advised_instead_of_itself(fake_times):
    fake_times({"float32": 0.5, "mixed_bfloat16": 1.0})
    with pytest.warns(UserWarning, match="training.precision=float32$"):
        warn_if_slow("mixed_bfloat16")


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_no_warning_where_there_is_no_cost(fake_times, policy):
    fake_times({"float32": 0.5, "mixed_bfloat16": 0.55})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_if_slow(policy)


def test_a_gpu_is_not_measured(monkeypatch):
    monkeypatch.setattr(precision.backend, "gpu_names", lambda: ["a GPU"])
    monkeypatch.setattr(precision, "precision_cost", lambda policy: pytest.fail("measured"))
    warn_if_slow("mixed_float16")


def test_measuring_leaves_no_trace():
    """Names and random numbers of what is built next are as without it."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(3)
    expected = keras.layers.Conv2D(2, 3)
    expected.build((None, 8, 8, 1))

    keras.backend.clear_session()
    keras.utils.set_random_seed(3)
    assert 0.05 < precision_cost("mixed_bfloat16") < 100
    layer = keras.layers.Conv2D(2, 3)
    layer.build((None, 8, 8, 1))
    assert layer.name == expected.name
    assert (layer.kernel.numpy() == expected.kernel.numpy()).all()
    assert keras.config.dtype_policy().name == "float32"
