# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # Train HRPN against a GAN
#
# This tutorial trains two networks on the same slides and compares them: `hrpn-s`, a small network
# that minimises the error of each pixel, and `ganda`, a generative adversarial network with which
# such predictions have been made before. It takes about 8 minutes on 2 cores. The trainings are
# far too short for a verdict; [Comparison of the networks](../results/study.md) is made with longer
# ones.

# %%
import os

import matplotlib.pyplot as plt

import hrpn_tf as ht

# The tests of this page run it on very small slides.
TINY = os.environ.get("HRPN_TUTORIAL") == "tiny"

# %% [markdown]
# ## Slides and patches

# %%
side, patch = (192, 64) if TINY else (512, 128)
simulated = ht.simulate(
    "gan/slides",
    {
        "simulation": {
            "slides": 6,
            "groups": 6,
            "height": side,
            "width": side,
            "pixel_size_um": 1.0,
            "floor_draws": 3,
        }
    },
)
prepared = ht.prepare(simulated, "gan/patches", {"data": {"patch": patch, "stride": patch // 2}})
prepared

# %% [markdown]
# ## A fair comparison
#
# Both networks see the same animals, the same split and the same number of steps. The preset
# `ganda` brings the training that it was published with: its optimizer, its learning rate and the
# weight of the adversary. Whatever you set yourself takes precedence, so a fair comparison sets as
# little as possible.
#
# A GAN needs more steps than a network without an adversary, because two networks must learn at the
# same speed. With equal and few steps, as here, the comparison favours HRPN.

# %%
common = {
    "data.split": {"validation": ["animal-005"], "test": ["animal-006"]},
    "training": {
        "epochs": 1 if TINY else 4,
        "steps_per_epoch": 3 if TINY else 50,
        "batch_size": 2 if TINY else 8,
        "crop": 48 if TINY else 96,
    },
}
hrpn = ht.fit(prepared, "gan/hrpn", common, preset="hrpn-s")
hrpn

# %%
ganda = ht.fit(prepared, "gan/ganda", common, preset="ganda")
ganda

# %% [markdown]
# Watch more than the loss of a GAN: its generator minimises a sum of the pixel error and of what
# the adversary says. The columns with `val_` are the pixel error alone, so they can be compared.

# %%
for name, fitted in [("hrpn-s", hrpn), ("ganda", ganda)]:
    print(f"{name:8} validation MSE {fitted.metrics['val_mse']:.1f}, {fitted.seconds:.0f} s")

# %% [markdown]
# ## Side by side
#
# `compare` predicts and evaluates both on the test animal, adds the classical baselines, and
# measures what each prediction costs. The intervals of the differences come from resampling
# animals, and need at least four. With one test animal, as here, they are not resolved: one animal
# does not show whether a difference would hold on the next.

# %%
compared = ht.compare({"HRPN": hrpn, "GANDA": ganda}, "gan/comparison", rounds=2 if TINY else 20)
compared

# %% [markdown]
# ## What a GAN changes
#
# Pictures say what metrics hide. A network that minimises the squared error predicts the *mean* of
# what is possible, which is smooth. A GAN is rewarded for a prediction that looks like a measured
# slide, so it invents the texture that it cannot know. The pixel error rises, and the picture looks
# more real. For nanoprobe uptake, where a number is read off each pixel, invented texture is an
# error.

# %%
slide = simulated.slides[-1]
planes = {"HRPN": ht.predict(hrpn, slide, "gan/hrpn.ome.tif").read()[..., 0]}
planes["GANDA"] = ht.predict(ganda, slide, "gan/ganda.ome.tif").read()[..., 0]
with ht.open_slide(slide) as opened:
    size = opened.info.height, opened.info.width
    planes = {"measured": opened.read(0, 0, *size, channels=[2])[..., 0], **planes}

figure, axes = plt.subplots(1, 3, figsize=(12, 4))
high = planes["measured"].max()
for axis, (name, plane) in zip(axes, planes.items(), strict=True):
    axis.imshow(plane, cmap="magma", vmin=0, vmax=high)
    axis.set_title(name)
    axis.set_axis_off()

# %% [markdown]
# ## What would be evidence
#
# - Several seeds of each network (`training.seed`): `compare` then shows mean and standard
#   deviation. A difference smaller than that between seeds is no evidence.
# - At least four test animals, as the bootstrap over animals requires.
# - Enough steps for both, and a curve that shows it.
# - `ganda-mse`, the generator of GANDA without its adversary: it separates the architecture from
#   the adversarial training.
