"""A run without network, its slides, predictions with bounds, and its evaluation."""

import json
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from hrpn_tf.config import load_config, to_yaml
from hrpn_tf.slides import write_slide
from hrpn_tf.workflows.evaluate.evaluate import evaluate_run

ROLES = ("vessels", "nuclei", "qd")
SHAPE = (700, 1100)
# Harmless only where they are escaped; a file's name holds no slash, a group's may.
HOSTILE = "<script>alert('x')<script>&quot;\"${1}{{7*7}}%2e#?"
HOSTILE_GROUP = "</script></svg><img src=x onerror=alert(2)>"
# name: group
SLIDES = {"a": "a", HOSTILE: HOSTILE_GROUP, "plain": "b"}
SUBSETS = {"train": ["a"], "validation": [], "test": [HOSTILE_GROUP, "b"]}


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


def write_prediction(run: Path, name: str, values: np.ndarray, folder: str = "predictions") -> None:
    """Write a prediction into a folder of the run: (H, W, 1) or, with bounds, (H, W, 3)."""
    write_slide(
        run / folder / f"{name}.ome.tif",
        values,
        channels=["qd", "qd_lower", "qd_upper"][: values.shape[-1]],
        pixel_size_um=0.5,
        provenance={
            "model": {"name": "<img src=x onerror=alert(1)>"},
            "training_likeness": {"out_of_distribution": True, "reasons": ["<b>bright</b>"]},
        },
        overwrite=True,
    )


def make_run(folder: Path) -> Path:
    """A run folder with two evaluated test slides."""
    run = folder / "run"
    run.mkdir(parents=True)
    config = load_config(overrides=["data.tissue.min_share=0"])
    (run / "hrpn.yaml").write_text(to_yaml(config))
    split = {subset: {"groups": groups, "slides": groups} for subset, groups in SUBSETS.items()}
    (run / "split.json").write_text(json.dumps(split))
    (run / "store.json").write_text(json.dumps({"path": str(folder / "no-store")}))
    (run / "history.csv").write_text("epoch,loss,val_loss\n1,0.5,0.4\n2,0.3,0.35\n")
    entries = []
    for seed, name in enumerate(SLIDES):
        image = truth(seed)
        path = folder / f"slide-{seed}.ome.tif"
        write_slide(path, image, channels=ROLES, pixel_size_um=0.5, provenance={})
        entries.append({"slide": path.name, "group": SLIDES[name], "name": name})
        if SLIDES[name] in SUBSETS["test"]:
            # bounds in a file of their own, as predict --intervals leaves them, or in the same one
            beside = name == "plain"
            values = predicted(image)
            write_prediction(run, name, values[..., :1] if beside else values)
            if beside:
                write_prediction(run, name, values, "predictions-intervals")
    (folder / "slides.yaml").write_text(json.dumps(entries))
    evaluate_run(run, slide_list=folder / "slides.yaml", baselines=False, progress=False)
    return run
