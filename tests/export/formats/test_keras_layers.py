"""Layers that ordinary Keras networks have: each is exported, and gives the same."""

import keras
import numpy as np
import onnx
import pytest
from hrpn_export import Contract
from hrpn_export.formats import Source, find_format
from hrpn_export.keras_session import KerasSession
from hrpn_export.runtimes.litert import LiteRtSession
from hrpn_export.runtimes.onnx_runtime import OnnxSession
from hrpn_export.runtimes.saved_model import SavedModelSession
from keras import layers

CONTRACT = Contract(("a", "b"), ("c",), None, 4, None, False, 1.0)
SESSIONS = {"onnx": OnnxSession, "tflite": LiteRtSession, "saved_model": SavedModelSession}


def small(x):
    return layers.Conv2D(4, 3, strides=2, padding="same")(x)


LAYERS = {
    "gelu": layers.Activation("gelu"),
    "silu": layers.Activation("silu"),
    "nearest": lambda x: layers.UpSampling2D(2)(layers.MaxPooling2D(2)(x)),
    "nearest of two factors": lambda x: layers.AveragePooling2D((3, 2))(
        layers.UpSampling2D((3, 2))(x)
    ),
    "bilinear": lambda x: layers.UpSampling2D(2, interpolation="bilinear")(small(x)),
    "transposed": lambda x: layers.Conv2DTranspose(4, 2, strides=2, padding="same")(small(x)),
    "transposed, wider": lambda x: layers.Conv2DTranspose(4, 4, strides=2, padding="same")(
        small(x)
    ),
    "grouped": layers.Conv2D(4, 3, groups=2, padding="same"),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_gives_the_same_in_every_format(tmp_path, name):
    keras.utils.set_random_seed(0)
    image = keras.Input((None, None, 2))
    x = LAYERS[name](layers.Conv2D(4, 3, padding="same")(image))
    model = keras.Model(image, layers.Conv2D(1, 3, padding="same")(x))
    batch = np.random.default_rng(0).uniform(-1, 1, (2, 12, 20, 2)).astype(np.float32)
    expected = np.asarray(model(batch))
    np.testing.assert_allclose(KerasSession(model, CONTRACT)(batch), expected, atol=1e-5)
    for format, session in SESSIONS.items():
        (tmp_path / format).mkdir()
        path = find_format(format).exporter()(Source(model, CONTRACT), "fp32", tmp_path / format)
        got = session(path, CONTRACT, "cpu", None)(batch)
        np.testing.assert_allclose(got, expected, atol=1e-5, err_msg=format)
        if format == "onnx":
            attributes = [a for node in onnx.load(path).graph.node for a in node.attribute]
            assert {a.s for a in attributes if a.name == "auto_pad"} <= {b"NOTSET"}
