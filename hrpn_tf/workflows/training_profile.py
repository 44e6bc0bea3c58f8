"""Describe the training slides of a run, so that predictions can detect slides unlike them."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hrpn_tf.errors import ConfigError, RunError
from hrpn_tf.runs import Run, load_run, open_run

if TYPE_CHECKING:
    from hrpn_tf.data.manifest import SlideRecord
    from hrpn_tf.data.store import PatchStore
    from hrpn_tf.evaluation.out_of_distribution import TrainingProfile


def write_profile(run: Run | Path, store_path: Path | None = None) -> "TrainingProfile":
    """Write the training profile of a run, and replace an older one.

    Reads some windows of each training slide from the patch dataset, and computes the best
    network's features of them, in seconds. Requires TensorFlow.

    Args:
        run: open run or run folder.
        store_path: patch dataset of the run; None for the recorded path.

    Raises:
        RunError: no run, or no network in it.
        StoreError: the patch dataset is missing or damaged, or is not that of the run.
        DiskFullError: the disk is full.
    """
    from hrpn_tf.data.store import open_store
    from hrpn_tf.evaluation.out_of_distribution import SIDE, learn_profile, save_profile
    from hrpn_tf.evaluation.out_of_distribution.statistics import describe
    from hrpn_tf.models.features import pooled_features

    run = open_run(run)
    model, contract, _ = load_run(run)
    store = open_store(run.check_dataset(store_path or run.patch_dataset))
    if store.roles[:-1] != contract.inputs:
        raise RunError(
            f"{store.path}: patches of {', '.join(store.roles[:-1])}, where {run} was trained on "
            f"{', '.join(contract.inputs)}; name its own patch dataset with --store"
        )
    features, side = pooled_features(model), min(SIDE, store.patch)
    slides = {
        record.name: (record.group, describe(_windows(store, record, side), features))
        for record in store.slides(run.split.train)
    }
    profile = learn_profile(contract.inputs, slides, side)
    save_profile(profile, run.training_profile)
    return profile


def is_chief() -> bool:
    """Whether this process writes the run, if several train together (``TF_CONFIG``)."""
    try:
        task = json.loads(os.environ.get("TF_CONFIG") or "{}").get("task", {})
        return bool(int(task.get("index", 0)) == 0)
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise ConfigError("TF_CONFIG is no JSON of the form that TensorFlow documents") from None


def _windows(store: "PatchStore", slide: "SlideRecord", side: int) -> list[np.ndarray]:
    """The middles (side, side, inputs) of some patches of a slide, in intensities."""
    from hrpn_tf.evaluation.out_of_distribution import choose_windows

    indices = np.flatnonzero(store.table["slide"] == slide.name)
    windows = []
    for index in indices[choose_windows(store.table["share"][indices])]:
        y, x = int(store.table["y"][index]), int(store.table["x"][index])
        # the part of a patch beyond the edges of the slide is padding
        inside = store.read(int(index))[: slide.height - y, : slide.width - x, :-1]
        top, left = (max(0, (length - side) // 2) for length in inside.shape[:2])
        windows.append(inside[top : top + side, left : left + side])
    return windows


def describe_profile(profile: "TrainingProfile") -> str:
    """Number of slides and limits of a profile, in one line."""
    from hrpn_tf.evaluation.out_of_distribution.resolution import caution, unnoticed

    count = len(profile.slides)
    if not profile.has_limits:
        return f"{count} training slides, too few to learn limits from; slides are not judged"
    parts = []
    for name, limits in (
        ("grey levels", profile.grey_limits),
        ("structure", profile.structure_limits),
        ("noise", profile.noise_limits),
    ):
        named = zip(profile.channels, limits, strict=True)
        parts += [f"{name} of {channel} {limit:.2g}" for channel, limit in named]
    parts.append(f"features {profile.feature_limit:.2g}")
    little = caution(profile, unnoticed(profile))
    return f"{count} training slides; limits: {', '.join(parts)}; {little}"
