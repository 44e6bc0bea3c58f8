"""How well do vessel masks agree with the truth of simulated slides?

Segments the vessel channel of each slide of a cohort (`hrpn-tf simulate`) as `evaluate --spatial`
and `analyse` do, and prints the intersection over union with the true vessels, walls and lumens:
with the filling of empty lumens and without it.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from hrpn_tf.config import SpatialConfig
from hrpn_tf.evaluation import ChannelPlane
from hrpn_tf.evaluation.spatial.vessels import find_stain, find_vessels
from hrpn_tf.slides import open_slide


def main() -> None:
    """Print one line per slide, and the medians."""
    parser = argparse.ArgumentParser(
        description="How well do vessel masks agree with the truth of simulated slides?"
    )
    parser.add_argument("cohort", type=Path, help="folder of hrpn-tf simulate")
    arguments = parser.parse_args()
    rows = []
    for truth in sorted(arguments.cohort.glob("truth/*.vessels.ome.tif")):
        name = truth.name.removesuffix(".vessels.ome.tif")
        rows.append([agreement(arguments.cohort / f"{name}.ome.tif", truth, a) for a in AREAS])
        print(name, *map(show, LABELS, rows[-1]), sep="  ")
    medians = np.median(np.array(rows), axis=0)
    print("median   ", *map(show, LABELS, medians), sep="  ")


AREAS = (0.0, SpatialConfig().empty_lumen_um2)
LABELS = ("small holes alone:", "empty lumens too:")


def show(label: str, row: np.ndarray) -> str:
    """Agreement as text."""
    return "{} IoU {:.3f} (of the truth {:.3f}, of the mask {:.3f})".format(label, *row)


def agreement(slide: Path, truth: Path, empty_lumen_um2: float) -> np.ndarray:
    """Intersection over union, and over each; (3,)."""
    config = SpatialConfig(empty_lumen_um2=empty_lumen_um2)
    with open_slide(slide) as opened, open_slide(truth) as true, tempfile.TemporaryDirectory() as d:
        info = opened.info
        if info.pixel_size_um is None:
            raise SystemExit(f"{slide} states no pixel size")
        stain = find_stain(ChannelPlane(opened, 0), config)
        found = find_vessels(stain.wall, info.pixel_size_um, config, Path(d), slide.name, stain)
        mask = found.labels.read(0, 0, info.height, info.width) > 0
        real = true.read(0, 0, info.height, info.width, [0])[..., 0] > 0
    both = (mask & real).sum()
    return np.array([both / (mask | real).sum(), both / real.sum(), both / mask.sum()])


if __name__ == "__main__":
    main()
