"""Slides without a measured target, and their predictions, of which each states what it is of."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter

from hrpn_tf.config import CONDITIONS, load_config
from hrpn_tf.prediction.provenance import slide_checksums
from hrpn_tf.slides import write_slide
from support.command import Ended, hrpn_tf
from support.run_folder import make_run

SHAPE = (96, 110)
SETTINGS = (
    "spatial.region=whole", "spatial.grid_um=8", "spatial.nucleus_diameter_um=4",
    "spatial.block_um=12", "spatial.max_distance_um=20", "spatial.vessel_min_um2=1",
)  # fmt: skip
# slide: animal, condition
SLIDES = {
    "a1": ("m1", "control"), "b1": ("m2", "control"), "c1": ("m3", "control"),
    "d1": ("m4", "treated"), "e1": ("m5", "treated"), "f1": ("m6", "treated"),
}  # fmt: skip
STRENGTH = {"control": 20.0, "treated": 60.0}


def image(seed: int, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """(H, W, 2) uint8 inputs, and (H, W) float32 target."""
    random = np.random.default_rng(seed)
    fields = [gaussian_filter(random.standard_normal(SHAPE), sigma) for sigma in (5, 2)]
    vessels = fields[0] > np.quantile(fields[0], 0.92)
    nuclei = fields[1] > np.quantile(fields[1], 0.85)
    away = distance_transform_edt(~vessels) * 0.5
    target = 3 + strength * (1 + 0.1 * random.random()) * np.exp(-away / 4)
    inputs = np.stack([10 + 90.0 * vessels, 5 + 80.0 * nuclei], axis=-1)
    noisy = np.clip(np.rint(inputs + random.normal(0, 1, inputs.shape)), 0, 255)
    return noisy.astype(np.uint8), target.astype(np.float32)


@dataclass(frozen=True)
class Cohort:
    """Slides and predictions in a folder."""

    folder: Path

    @property
    def slides(self) -> Path:
        return self.folder / "slides.csv"

    @property
    def predictions(self) -> Path:
        return self.folder / "predictions"

    def write_list(self, condition: bool = True, **changes: tuple[str, str]) -> None:
        """The slide list; ``changes`` are other animals and conditions of slides."""
        lines = ["slide,group" + ",condition" * condition]
        for name, (group, treatment) in (SLIDES | changes).items():
            lines.append(f"{name}.ome.tif,{group}" + f",{treatment}" * condition)
        self.slides.write_text("\n".join(lines) + "\n")

    def write_prediction(
        self, name: str, strength: float, bounds: bool = True, network: str = "abc", **model: str
    ) -> None:
        """Predict a slide that is there; ``model`` is what else is stated of the network."""
        slide = self.folder / f"{name}.ome.tif"
        _, target = image(list(SLIDES).index(name), strength)
        values = [target, 0.9 * target, 1.2 * target]
        channels = ["qd", "qd_lower", "qd_upper"]
        if not bounds:
            values, channels = values[:1], channels[:1]
        made = {
            "kind": "prediction",
            "model": {"sha256": network, **model},
            "input": {
                "name": slide.name,
                "sha256": slide_checksums(slide, (slide,)),
                "channels": {"vessels": "vessels", "nuclei": "nuclei"},
                "level": 0,
            },
            "configuration": load_config(overrides=SETTINGS).model_dump(
                mode="json", exclude={"prediction": set(CONDITIONS)}
            ),
        }
        write_slide(
            self.predictions / f"{name}.ome.tif", np.stack(values, axis=-1), channels=channels,
            pixel_size_um=0.5, provenance=json.loads(json.dumps(made)), overwrite=True,
        )  # fmt: skip

    def run(self, network: bytes | None = None) -> Path:
        """A run whose predictions these are."""
        groups = {group: "test" for group, _ in SLIDES.values()}
        run = make_run(
            self.folder / "run", groups=groups, store=self.folder / "none", overrides=SETTINGS
        )
        (run / "predictions").symlink_to(self.predictions)
        if network is not None:
            (run / "best.keras").write_bytes(network)
        return run


def predicted_cohort(folder: Path) -> Cohort:
    """Six predicted slides of two conditions; the treated ones have thrice the tracer."""
    made = Cohort(folder)
    made.predictions.mkdir()
    for seed, (name, (_, condition)) in enumerate(SLIDES.items()):
        strength = STRENGTH[condition]
        write_slide(
            folder / f"{name}.ome.tif", image(seed, strength)[0], channels=["vessels", "nuclei"],
            pixel_size_um=0.5, provenance={},
        )  # fmt: skip
        made.write_prediction(name, strength)
    made.write_list()
    return made


def analyse(cohort: Cohort, *arguments: object, path: Path | None = None) -> Ended:
    """``hrpn-tf analyse`` into ``analysis``: of the predictions, or of ``path``."""
    source = [cohort.predictions, "--slides", cohort.slides] if path is None else [path]
    out = cohort.folder / "analysis"
    return hrpn_tf("analyse", *source, "--out", out, "--quiet", *arguments)
