# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # My own ten slides
#
# This tutorial starts with a folder of image files and ends with metrics on animals that the
# network has never seen. Ten slides of five animals take about 5 minutes on 2 cores with the
# settings below; most of it is the training. The training is short. It shows the workflow and
# proves nothing about how well a network can do; the last section says what a real training needs.

# %%
import os

import matplotlib.pyplot as plt

import hrpn_tf as ht

# The tests of this page run it on very small slides.
TINY = os.environ.get("HRPN_TUTORIAL") == "tiny"

# %% [markdown]
# ## The files
#
# The slides here are simulated, so that you can run the page as it is. For your own, skip this cell
# and let `folder` be the folder of your files: OME-TIFF, QPTIFF, OME-Zarr and others (the page
# *Slides* has the list). Every file needs three fluorescence channels: vessels, nuclei, and the
# nanoprobe that is to be predicted.

# %%
side = 192 if TINY else 512
simulated = ht.simulate(
    "my_slides/files",
    {
        "simulation": {
            "slides": 10,
            "groups": 5,
            "height": side,
            "width": side,
            "pixel_size_um": 1.0,
            "floor_draws": 3,
        }
    },
)
folder = simulated.slide_list.parent
sorted(path.name for path in folder.glob("*.ome.tif"))

# %% [markdown]
# Look at one before anything else. Are the channels what you think they are, and in which order? Is
# the pixel size stated, and is it right? `hrpn-tf inspect FILE` checks more.

# %%
with ht.open_slide(simulated.slides[0]) as slide:
    info = slide.info
    image = slide.read(0, 0, info.height, info.width, channels=[0, 1, 2])
print(info.channels, info.height, info.width, info.dtype, info.pixel_size_um, "um per pixel")

figure, axes = plt.subplots(1, 3, figsize=(12, 4))
for axis, name, plane in zip(axes, info.channels, image.transpose(2, 0, 1), strict=True):
    axis.imshow(plane, cmap="gray")
    axis.set_title(name)
    axis.set_axis_off()

# %% [markdown]
# ## Which animal is which slide from?
#
# Slides of one animal resemble each other. If one of them trains the network and another tests it,
# the test is too easy, and the metrics are better than they will be on the next animal. So every
# slide gets a *group*, usually the animal, and a group is never divided.
#
# Here the slide list of the simulator knows the animals. For your own slides, take them from the
# file names or from your notebook, for example `path.name.split("_")[0]`.

# %%
animal = {row["slide"]: row["group"] for row in simulated.table}
slides = [
    {"slide": path, "group": animal[path.name.removesuffix(".ome.tif")]}
    for path in sorted(folder.glob("*.ome.tif"))
]
slides[:2]

# %% [markdown]
# If your channels have other names, add them to each row: `"vessels": "CD31", "nuclei": "DAPI",
# "qd": "QD655"`. If the files state no pixel size, add `pixel_size=0.5` to `prepare`.
#
# ## Patches
#
# The network trains on square patches. Three numbers matter:
#
# - `patch`, the side of a stored patch. 256 to 512 px is usual for real slides. A patch should hold
#   several vessels and the tissue between them.
# - `stride`, the distance between patches. The same as `patch` uses every pixel once; half of it
#   gives four times as many patches that overlap. With ten small slides, overlap helps.
# - `tissue`, which decides what counts as tissue, so that empty glass trains nothing.

# %%
patch = 64 if TINY else 128
prepared = ht.prepare(slides, "my_slides/patches", {"data": {"patch": patch, "stride": patch // 2}})
prepared

# %% [markdown]
# ## The split
#
# Five animals: three train, one chooses the epoch whose weights are kept (*validation*), and one is
# the test. The test animal is used once, at the end. With few animals, one test animal says little;
# `hrpn-tf crossval` lets each animal be the test in turn.
#
# ## Training
#
# - `preset`: `hrpn-s` on a processor, `hrpn-m` (the default) on a GPU.
# - `crop`: each step takes a random part of a patch. It must be smaller than the patch; more than
#   the distance between vessels is enough. A smaller crop is faster.
# - `epochs` and `steps_per_epoch`: what counts is their product. A few hundred steps show that the
#   workflow works, and some tens of thousands train a network.

# %%
settings = {
    "data.split": {"validation": ["animal-004"], "test": ["animal-005"]},
    "model.preset": "hrpn-s",
    "training": {
        "epochs": 2 if TINY else 5,
        "steps_per_epoch": 3 if TINY else 50,
        "batch_size": 2 if TINY else 8,
        "crop": 48 if TINY else 96,
    },
}
fitted = ht.fit(prepared, "my_slides/run", settings)
fitted

# %% [markdown]
# Does the error on the validation animal still fall at the end? Then train longer. Has it risen for
# many epochs while the training error falls? Then the network memorises the training animals: more
# animals help, and augmentation.

# %%
figure, axis = plt.subplots(figsize=(6, 3))
for name, label in [("mse", "training"), ("val_mse", "validation")]:
    axis.plot(
        [row["epoch"] for row in fitted.history], [row[name] for row in fitted.history], label=label
    )
axis.set_xlabel("epoch")
axis.set_ylabel("MSE, grey levels²")
_ = axis.legend()
# %% [markdown]
# ## Predicting and evaluating
#
# `predict` takes the test animals, whole slides, without seams. `evaluate` compares them with what
# was measured, and with two simple baselines: the mean of the training slides, and a fit to the
# distance from the nearest vessel. A network that does not beat the second has learnt nothing that
# a ruler cannot do.

# %%
predicted = ht.predict(fitted)
predicted

# %%
evaluated = ht.evaluate(fitted)
evaluated

# %% [markdown]
# R² is the share of the variance of the target that the prediction explains, over all pixels of all
# test slides. On simulated slides the highest R² that any network could reach is known; on real
# ones it is not.

# %%
test = [row for row in simulated.table if row["group"] == "animal-005"]
print(f"R² reached {evaluated.metrics['r2']:.3f}")
print("R² reachable", [round(row["best_r2"], 3) for row in test])

# %% [markdown]
# ## What a real training needs
#
# - More animals, rather than more slides of the same animals.
# - At least 20,000 steps, with `hrpn-m` on a GPU: hours rather than minutes.
# - The same staining, exposure and scanner for all slides; `predict` warns where a slide is unlike
#   the training slides.
# - `ht.report(fitted)` writes one page with all of this, and a viewer of every slide, which you can
#   send to a colleague.
