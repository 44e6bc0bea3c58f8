"""The estimate against measured memory, and what is said when a batch does not fit."""

import subprocess
import sys
from types import SimpleNamespace

import keras
import pytest
import tensorflow as tf
from tensorflow.python.client import device_lib

from hrpn_tf.errors import ConfigError
from hrpn_tf.models.build import build_model
from hrpn_tf.training import memory
from hrpn_tf.training.memory import (
    available_bytes,
    check_memory,
    explain_exhausted,
    training_bytes,
)
from hrpn_tf.training.runtime import dtype_policy


def convolution(width: int) -> keras.Model:
    x = keras.Input((None, None, 1))
    return keras.Model(x, keras.layers.Conv2D(width, 3, padding="same")(x))


@pytest.fixture(scope="module")
def network():
    return build_model("hrpn-s", inputs=2)


@pytest.fixture
def free(monkeypatch):
    """Set the free memory, bytes."""
    return lambda count: monkeypatch.setattr(memory, "available_bytes", lambda: count)


def test_what_is_kept_of_a_convolution():
    """Its input of 1 channel; the gradients count as four tensors of its 8 channels."""
    one, two = (training_bytes(convolution(8), 32, batch) for batch in (1, 2))
    assert two - one == 32 * 32 * 4 * (1 + 4 * 8)


def test_half_precision_keeps_less(network):
    with dtype_policy("mixed_bfloat16"):
        half = build_model("hrpn-s", inputs=2)
    assert 0.5 < training_bytes(half, 256, 64) / training_bytes(network, 256, 64) < 0.9


def test_parts_need_the_memory_of_one_part(network):
    assert training_bytes(network, 64, 32, accumulate=4) == training_bytes(network, 64, 8)


def test_a_discriminator_counts_twice_per_patch(network):
    x, y = keras.Input((None, None, 2)), keras.Input((None, None, 1))
    scores = keras.layers.Conv2D(8, 3)(keras.layers.Concatenate()([x, y]))
    judge = keras.Model([x, y], scores)

    def growth(**options):
        return training_bytes(network, 64, 2, **options) - training_bytes(network, 64, 1, **options)

    assert growth(discriminator=judge) - growth() == 2 * 64 * 64 * 3 * 4


MEASURE = """
import sys
from pathlib import Path
import keras, tensorflow as tf
from hrpn_tf.models.build import build_model
from hrpn_tf.training.memory import training_bytes

def peak():
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])

tf.zeros(1) + 1
before = peak()
network = build_model(sys.argv[1], inputs=2)
network.compile(optimizer=keras.optimizers.AdamW(), loss="mse")
network.train_on_batch(tf.ones((6, 256, 256, 2)), tf.ones((6, 256, 256, 1)))
print(training_bytes(network, 256, 6) / (peak() - before))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "preset", ["hrpn-m", pytest.param("hrpn-published", marks=pytest.mark.nightly)]
)
def test_estimate_is_near_what_is_measured(preset):
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, preset], capture_output=True, text=True, check=True
    )
    assert 0.7 < float(done.stdout.split()[-1]) < 1.3


def test_a_batch_that_fits_is_accepted(network, free):
    free(training_bytes(network, 64, 8))
    check_memory(network, 64, 8)
    check_memory(network, 64, 32, accumulate=4)


def test_a_batch_that_does_not_fit_is_refused_with_one_that_does(network, free):
    free(training_bytes(network, 64, 10) + 1)
    message = (
        r"training.batch_size=32 at 64 x 64 px needs about 0\.\d+ GB of memory, and 0\.\d+ GB is "
        r"free; at most 10 at once would: set that, or training.accumulate=4 to compute the batch"
    )
    with pytest.raises(ConfigError, match=message):
        check_memory(network, 64, 32)
    check_memory(network, 64, 10)
    check_memory(network, 64, 32, accumulate=4)


def test_parts_that_are_too_large_are_named(network, free):
    free(training_bytes(network, 64, 10))
    message = r"training.batch_size=32 in 2 parts at .* training.accumulate=4"
    with pytest.raises(ConfigError, match=message):
        check_memory(network, 64, 32, accumulate=2)


def test_where_nothing_fits_a_crop_is_advised(network, free):
    free(1000)
    with pytest.raises(ConfigError, match=r"not even one patch does; set training\.crop"):
        check_memory(network, 64, 1)


def test_where_the_system_does_not_tell_everything_is_accepted(network, free):
    free(None)
    check_memory(network, 64, 10**9)


EXHAUSTED = tf.errors.ResourceExhaustedError(
    None,
    None,
    "OOM when allocating tensor with shape[32,512,512,16] and type float on "
    "/job:localhost/replica:0/task:0/device:GPU:0 by allocator GPU_0_bfc",
)


def test_a_device_that_ran_out_is_explained(network, free):
    free(None)
    error = explain_exhausted(EXHAUSTED, network, 512, 32)
    assert str(error) == (
        "training.batch_size=32 at 512 x 512 px did not fit in the memory of GPU:0; at most 16 at "
        "once would: set that, or training.accumulate=2 to compute the batch in parts; "
        "training.precision=mixed_bfloat16 needs less memory"
    )


def test_half_precision_is_advised_only_where_it_is_not_used(free):
    free(None)
    with dtype_policy("mixed_bfloat16"):
        half = build_model("hrpn-s", inputs=2)
    assert str(explain_exhausted(EXHAUSTED, half, 512, 32)).endswith("compute the batch in parts")


def test_the_estimate_lowers_the_advice(network, free):
    free(training_bytes(network, 512, 5))
    assert "at most 5 at once" in str(explain_exhausted(EXHAUSTED, network, 512, 32))


def test_this_machine_has_memory():
    free = available_bytes()
    assert free is None or free > 2**20
    assert free is None or free < 2**50


def test_of_several_gpus_the_fullest_counts(monkeypatch):
    devices = [
        SimpleNamespace(device_type="CPU", name="/device:CPU:0", memory_limit=1),
        SimpleNamespace(device_type="GPU", name="/device:GPU:0", memory_limit=9000),
        SimpleNamespace(device_type="GPU", name="/device:GPU:1", memory_limit=9000),
    ]
    used = {"GPU:0": 100, "GPU:1": 700}
    gpus = [SimpleNamespace(name=name) for name in used]
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus)
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: {})
    monkeypatch.setattr(device_lib, "list_local_devices", lambda: devices)
    monkeypatch.setattr(
        tf.config.experimental, "get_memory_info", lambda name: {"current": used[name]}
    )
    assert available_bytes() == 8300
