# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
#   kernelspec: {display_name: Python 3, language: python, name: python3}
# ---

# %% [markdown]
# # What the intervals mean
#
# A prediction of 40 grey levels may be 40 ± 2 or 40 ± 30. This tutorial gives a network prediction
# intervals, checks on new animals how many pixels they cover, and says what can and cannot be
# concluded. It takes about 6 minutes on 2 cores. The training is short, so the intervals are wide:
# that is what honest intervals of a poor network look like.

# %%
import os

import matplotlib.pyplot as plt
import numpy as np

import hrpn_tf as ht

# The tests of this page run it on very small slides.
TINY = os.environ.get("HRPN_TUTORIAL") == "tiny"

# %% [markdown]
# ## How many animals calibrate?
#
# Pixels of one slide resemble each other, so a million of them are not a million observations: the
# animals count. With K calibration animals, the intervals are made so wide that they hold the share
# c (K + 1) / K of the calibration pixels, a little more than the coverage c. The addition is the
# price of the guarantee: it stands for the next animal, which may be unlike all before.
#
# So a guarantee of c needs c / (1 - c) animals at least: 4 for 80 %, 9 for 90 %, 19 for 95 %. With
# exactly so many, all calibration pixels have to be covered, and the intervals are as wide as the
# worst pixel demands. Have more. Here, 4 animals calibrate a coverage of 70 %, and 87.5 % of their
# pixels are covered.

# %%
COVERAGE, calibrating = (0.4, 1) if TINY else (0.7, 4)
animals = 2 + calibrating + 2
names = [f"animal-{number + 1:03d}" for number in range(animals)]
validation, test = names[2 : 2 + calibrating], names[-2:]
print("train", names[:2], "calibrate", validation, "test", test)

# %%
side, patch = (192, 64) if TINY else (512, 128)
simulated = ht.simulate(
    "intervals/slides",
    {
        "simulation": {
            "slides": animals,
            "groups": animals,
            "height": side,
            "width": side,
            "pixel_size_um": 1.0,
            "floor_draws": 3,
        }
    },
)
prepared = ht.prepare(
    simulated, "intervals/patches", {"data": {"patch": patch, "stride": patch // 2}}
)
fitted = ht.fit(
    prepared,
    "intervals/run",
    {
        "data.split": {"validation": validation, "test": test},
        "training": {
            "epochs": 1 if TINY else 5,
            "steps_per_epoch": 3 if TINY else 50,
            "batch_size": 2 if TINY else 8,
            "crop": 48 if TINY else 96,
        },
    },
    preset="hrpn-s",
)
fitted

# %% [markdown]
# ## Calibration
#
# Two heads learn a lower and an upper quantile from the training patches. Heads like these are
# overconfident on new animals. So the calibration animals, which did not train, measure by which
# factor the bounds must move apart, separately for dark, ordinary, bright and very bright pixels
# (*split conformal prediction* by groups). The prediction itself does not change.
#
# Here the animals that chose the checkpoint calibrate as well. That makes them a little too easy;
# with enough animals, give a slide list of others: `ht.calibrate(fitted, "calibration.csv")`.

# %%
calibrated = ht.calibrate(fitted, coverage=COVERAGE)
print(calibrated.promise)
calibrated

# %% [markdown]
# The table is the check: the coverage on the test animals, which neither trained nor calibrated.
# The guarantee is for the mean over many animals, so with two of them the measured coverage
# scatters around the nominal one.
#
# ## Looking at an interval

# %%
with ht.open_slide(simulated.slides[-1]) as slide:
    size = slide.info.height, slide.info.width
    image = slide.read(0, 0, *size, channels=[0, 1])
    target = slide.read(0, 0, *size, channels=[2])[..., 0]
bounds = ht.predict(calibrated, image, pixel_size=1.0, intervals=True)

figure, axes = plt.subplots(1, 3, figsize=(12, 4))
outside = (target < bounds.lower) | (target > bounds.upper)
shown = {
    "prediction": bounds.mean,
    "width of the interval": bounds.upper - bounds.lower,
    "measured value outside": outside,
}
for axis, (name, plane) in zip(axes, shown.items(), strict=True):
    axis.imshow(plane, cmap="magma")
    axis.set_title(name)
    axis.set_axis_off()
print(f"within the bounds: {1 - outside.mean():.1%}, nominal {bounds.coverage:.0%}")

# %% [markdown]
# A row of pixels through the slide shows the same as a curve. Where the band is wide, the inputs
# say little about the uptake.

# %%
row = size[0] // 2
x = np.arange(size[1])
figure, axis = plt.subplots(figsize=(10, 3))
axis.fill_between(x, bounds.lower[row], bounds.upper[row], alpha=0.3, label="interval")
axis.plot(x, bounds.mean[row], label="prediction")
axis.plot(x, target[row], ".", markersize=2, color="black", label="measured")
axis.set_xlabel("column, px (1 um)")
axis.set_ylabel("intensity, grey levels")
_ = axis.legend()

# %% [markdown]
# ## What it means, and what it does not
#
# - *Over many new animals of the same kind*, the intervals of each band of intensity hold on
#   average at least the stated share of the pixels. "Of the same kind" means the same tumour,
#   staining, scanner and dose.
# - It does not mean that 70 % of *this* slide's pixels are covered, nor 70 % in every region of it.
#   Pixels outside come in patches, as the third picture shows: whole neighbourhoods are wrong
#   together.
# - It is about single pixels. The mean over a region has a smaller error than a pixel, but not
#   smaller by the square root of the number of pixels, since neighbours err alike. Do not average
#   the bounds.
# - A wide interval is information: it says where a measurement would teach something.
# - On a slide that is unlike the training slides, the guarantee is void. `predict` warns then;
#   [Out-of-distribution detection](../guide/out-of-distribution.md) says how it judges.
