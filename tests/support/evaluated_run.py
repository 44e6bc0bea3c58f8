"""A run without network, its slides, predictions with bounds, and its evaluation."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from hrpn_tf.slides import write_slide
from hrpn_tf.workflows.evaluate.evaluate import evaluate_run
from hrpn_tf.workflows.evaluate.options import EvaluationOptions
from support.run_folder import ROLES, make_run

SHAPE = (700, 1100)
# Harmless only where they are escaped; a file's name holds no slash, a group's may.
HOSTILE = "<script>alert('x')<script>&quot;\"${1}{{7*7}}%2e#?"
HOSTILE_GROUP = "</script></svg><img src=x onerror=alert(2)>"
# name: group
SLIDES = {"a": "a", HOSTILE: HOSTILE_GROUP, "plain": "b"}
# group: subset
SUBSETS = {"a": "train", HOSTILE_GROUP: "test", "b": "test"}


def truth(seed: int, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """(H, W, 3) uint8: vessels, nuclei, target."""
    random = np.random.default_rng(seed)
    planes = [gaussian_filter(random.gamma(0.05, 900, shape), 4) for _ in ROLES]
    return np.clip(np.stack(planes, axis=-1), 0, 255).astype(np.uint8)


def predicted(image: np.ndarray) -> np.ndarray:
    """(H, W, 3) float32: prediction, lower, upper."""
    target = image[..., 2].astype(np.float32)
    mean = gaussian_filter(target, 3) * 0.9
    return np.stack([mean, mean * 0.85, mean * 1.2], axis=-1)


def write_prediction(
    run: Path, name: str, values: np.ndarray, folder: str = "predictions", **stated: Any
) -> None:
    """Write a prediction into a folder of the run: (H, W, 1) or, with bounds, (H, W, 3).

    Args:
        stated: further metadata of the prediction.
    """
    write_slide(
        run / folder / f"{name}.ome.tif",
        values,
        channels=["qd", "qd_lower", "qd_upper"][: values.shape[-1]],
        pixel_size_um=0.5,
        provenance={
            "model": {"name": "<img src=x onerror=alert(1)>"},
            "training_likeness": {"out_of_distribution": True, "reasons": ["<b>bright</b>"]},
            **stated,
        },
        overwrite=True,
    )


def evaluated_run(folder: Path) -> Path:
    """A run folder with two evaluated test slides."""
    run = make_run(
        folder / "run",
        groups=SUBSETS,
        store=folder / "no-store",
        overrides=["data.tissue.min_share=0"],
    )
    (run / "history.csv").write_text("epoch,loss,val_loss\n1,0.5,0.4\n2,0.3,0.35\n")
    entries = []
    for seed, name in enumerate(SLIDES):
        image = truth(seed)
        path = folder / f"slide-{seed}.ome.tif"
        write_slide(path, image, channels=ROLES, pixel_size_um=0.5, provenance={})
        entries.append({"slide": path.name, "group": SLIDES[name], "name": name})
        if SUBSETS[SLIDES[name]] == "test":
            # bounds in a file of their own, as predict --intervals leaves them, or in the same one
            beside = name == "plain"
            values = predicted(image)
            write_prediction(run, name, values[..., :1] if beside else values)
            if beside:
                write_prediction(run, name, values, "predictions-intervals")
    (folder / "slides.yaml").write_text(json.dumps(entries))
    options = EvaluationOptions(baselines=False)
    evaluate_run(run, folder / "slides.yaml", options=options, progress=False)
    return run
