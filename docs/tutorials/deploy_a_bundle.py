# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Deploy a bundle
#
# A *bundle* is a folder with one network in several formats (ONNX, TFLite, Keras and others) that
# runs on machines without TensorFlow. The *certificate* of each format states how much it differs
# from the Keras model, measured on slides that did not train it. This tutorial exports a network,
# reads the certificate, and predicts with the bundle in three ways. It takes about 4 minutes on 2
# cores. The network is trained for a few steps only. Its predictions therefore prove nothing, but
# the agreement of the formats does not depend on that.

# %%
import os
import time

import matplotlib.pyplot as plt
import numpy as np

import hrpn_tf as ht

# The tests of this page run it on very small slides.
TINY = os.environ.get("HRPN_TUTORIAL") == "tiny"

# %%
side, patch = (160, 64) if TINY else (512, 128)
simulated = ht.simulate(
    "bundle/slides",
    {
        "simulation": {
            "slides": 4,
            "groups": 4,
            "height": side,
            "width": side,
            "pixel_size_um": 1.0,
            "floor_draws": 3,
        }
    },
)
prepared = ht.prepare(simulated, "bundle/patches", {"data": {"patch": patch, "stride": patch // 2}})
fitted = ht.fit(
    prepared,
    "bundle/run",
    {
        "data.split": {"validation": ["animal-003"], "test": ["animal-004"]},
        "training": {
            "epochs": 1 if TINY else 2,
            "steps_per_epoch": 3 if TINY else 50,
            "batch_size": 2 if TINY else 8,
            "crop": 48 if TINY else 96,
        },
    },
    preset="hrpn-s",
)
fitted

# %% [markdown]
# ## Export
#
# Without `formats`, every format that this machine can make is exported, except TensorRT and the
# web page. `int8` and `dynamic` are smaller and, on suitable hardware, faster; they are calibrated
# on training patches. A format that exceeds its limit is left out, and `export` raises an error
# that says by how much; the rest of the bundle is complete.

# %%
exported = ht.export(
    fitted,
    "bundle/hrpn-s",
    formats=["onnx", "tflite"],
    precisions=["fp32"] if TINY else ["fp32", "fp16"],
    licence="CC-BY-4.0",
    authors=["A. Scientist"],
    zip=True,
)
exported

# %% [markdown]
# The columns are the certificate: the largest difference of any pixel from the Keras model in grey
# levels, and by how much the mean squared error against the truth changes. `certificate.json` has
# the rest.
#
# ## Predict with the bundle
#
# First, in place of a run: a slide, by tiles, of any size.

# %%
slide = simulated.slides[-1]
predicted = ht.predict(exported, slide, "bundle/predicted.ome.tif")
predicted

# %% [markdown]
# Second, an array in memory, for a program that has its own images. The channels are in the order
# of the inputs of the network, the values are grey levels as in the files, and the pixel size is
# stated, since an array has none.

# %%
with ht.open_slide(slide) as opened:
    image = opened.read(0, 0, opened.info.height, opened.info.width, channels=[0, 1])
plane = ht.predict(exported, image, pixel_size=1.0, model_format="tflite")
print(image.shape, image.dtype, "->", plane.shape, plane.dtype)
print(f"largest difference from the file: {np.abs(plane - predicted.read()[..., 0]).max():.2g}")

figure, axes = plt.subplots(1, 2, figsize=(8, 4))
for axis, shown, title in [(axes[0], image[..., 0], "vessels"), (axes[1], plane, "prediction")]:
    axis.imshow(shown, cmap="gray")
    axis.set_title(title)
    axis.set_axis_off()

# %% [markdown]
# Third, without `hrpn_tf`: the library `hrpn_export` opens a bundle on a machine that has ONNX
# Runtime and NumPy. A *session* takes batches (images, height, width, channels) whose sides are
# multiples of `stride_multiple`. Your own program then has to handle tiles and borders.

# %%
from hrpn_export import open_session

session = open_session("bundle/hrpn-s.zip", "onnx", "fp32")
contract = session.contract
multiple = contract.stride_multiple
part = image[None, : 8 * multiple, : 8 * multiple].astype(np.float32)
started = time.perf_counter()
result = session(part)
print(contract.inputs, "->", contract.outputs, contract.pixel_size_um, "um per pixel")
print(part.shape, "->", result.shape, f"in {time.perf_counter() - started:.3f} s")

# %% [markdown]
# ## Before it goes to a clinic or a colleague
#
# - Send the .zip: it holds the licence, the authors, the certificate, and checksums of every file.
# - `hrpn-tf benchmark BUNDLE` measures memory and latency on the machine where it will run.
# - A bundle carries the profile of the training slides: `predict` warns where a slide is unlike
#   them. Take such warnings seriously; a certificate says that formats agree, not that they are
#   right.
