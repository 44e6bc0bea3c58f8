import keras
import numpy as np
import pytest
import tensorflow as tf
from hrpn_export import BundleError, Contract, ContractError, Session
from hrpn_export.errors import DeviceMemoryError
from hrpn_export.keras_session import KerasSession
from hrpn_export.session import run_checked


@pytest.fixture(scope="module")
def model() -> keras.Model:
    keras.utils.set_random_seed(0)
    inputs = keras.Input((None, None, 2))
    x = keras.layers.Conv2D(4, 3, strides=2, padding="same")(inputs)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Dropout(0.5)(x)
    return keras.Model(inputs, keras.layers.Conv2DTranspose(1, 2, strides=2)(x))


@pytest.fixture(scope="module")
def contract() -> Contract:
    return Contract(("vessels", "nuclei"), ("qd",), 0.5, 2, 5, True, 255.0)


@pytest.fixture(scope="module")
def session(model: keras.Model, contract: Contract) -> Session:
    return KerasSession(model, contract)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor on GPU:0"),
        RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 7 bytes"),
        RuntimeError("Failed to allocate memory for requested buffer of size 7"),
    ],
    ids=["host", "TensorFlow", "XLA", "ONNX Runtime"],
)
def test_a_device_without_memory_says_what_needs_less(contract, error):
    def run(batch: np.ndarray) -> np.ndarray:
        raise error

    with pytest.raises(DeviceMemoryError, match="out of memory on 3 x 8 x 6 px; smaller tiles"):
        run_checked(contract, np.zeros((3, 8, 6, 2), np.float32), run)


@pytest.mark.parametrize("shape", [(1, 8, 8, 2), (3, 16, 6, 2)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float64])
def test_it_gives_what_the_model_gives_in_inference(model, session, shape, dtype):
    batch = np.random.default_rng(0).integers(0, 200, shape).astype(dtype)
    result = session(batch)
    assert result.dtype == np.float32
    assert result.shape == (*shape[:3], 1)
    expected = model(batch.astype(np.float32), training=False).numpy()
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-4)


class Counted(keras.layers.Layer):
    """Remembers how often it was traced."""

    traced = 0

    def call(self, x):
        self.traced += 1
        return x


def test_it_is_compiled_once_for_all_sizes(contract):
    layer = Counted()
    inputs = keras.Input((None, None, 2))
    model = keras.Model(inputs, layer(inputs)[..., :1])
    layer.traced = 0
    session = KerasSession(model, contract)
    for size in (4, 8, 16):
        session(np.zeros((1, size, size, 2), np.float32))
    assert layer.traced == 1


def test_weights_are_constants_of_the_graph_and_as_they_were(contract):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((None, None, 2))
    x = keras.layers.Conv2D(1, 3, padding="same")(inputs)
    model = keras.Model(inputs, keras.layers.BatchNormalization()(x))
    batch = np.ones((1, 4, 4, 2), np.float32)
    expected = model(batch, training=False).numpy()
    session = KerasSession(model, contract)
    model.set_weights([0.0 * weight for weight in model.get_weights()])
    np.testing.assert_allclose(session(batch), expected, rtol=1e-6)


@pytest.mark.parametrize(
    "shape",
    [(8, 8, 2), (1, 8, 8, 3), (1, 7, 8, 2), (1, 8, 9, 2), (0, 8, 8, 2), (1, 0, 8, 2), (1, 8, 8, 0)],
)
def test_it_refuses_what_the_contract_refuses(session, shape):
    with pytest.raises(ContractError):
        session(np.zeros(shape, np.float32))


def test_threads_cannot_be_changed_once_tensorflow_runs(model, session):
    import tensorflow as tf

    threads = tf.config.threading.get_intra_op_parallelism_threads()
    KerasSession(model, session.contract, threads=threads)
    with pytest.raises(BundleError, match="it has started already"):
        KerasSession(model, session.contract, threads=threads + 1)


def test_a_model_that_gives_something_else_gets_a_named_error(contract):
    inputs = keras.Input((None, None, 2))
    session = KerasSession(keras.Model(inputs, keras.layers.Identity()(inputs)), contract)
    with pytest.raises(ContractError, match=r"\(1, 8, 8, 1\) was due"):
        session(np.zeros((1, 8, 8, 2), np.float32))
