"""What does a first look with shipped weights show on real fields, and what the vessels alone?

    python benchmarks/experiments/first_look.py --real FOLDER --weights hrpn-m-sim

Nothing is trained. Prints the correlation with the measured tracer of each field of
docs/results/real-images.md: of the prediction, and of the vessel channel as it is.
"""

import argparse
from pathlib import Path

import numpy as np
from skimage.transform import resize

import hrpn_tf as ht
from hrpn_tf.slides import channel_index, open_slide


def correlations(path: Path, weights: str, channels: tuple[str, str, str]) -> tuple[float, float]:
    """Correlation of the tracer with the prediction, and with the vessel channel.

    Args:
        path: slide.
        weights: name.
        channels: names of vessels, nuclei and tracer.
    """
    with open_slide(path) as slide:
        height, width = slide.info.height, slide.info.width
        indices = [channel_index(slide.info, name) for name in channels]
        whole = slide.read(0, 0, height, width, indices).astype(np.float64)
        size = slide.info.pixel_size_um
    vessels, tracer = whole[..., 0], whole[..., 2]
    predicted = ht.predict(slides=whole[..., :2], weights=weights, pixel_size=size, progress=False)
    predicted = resize(np.squeeze(predicted), tracer.shape, order=1)  # it has the network's pixels
    return _correlation(tracer, predicted), _correlation(tracer, vessels)


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--real", type=Path, required=True, help="folder of *.ome.tif")
    parser.add_argument("--weights", default="hrpn-m-sim")
    parser.add_argument("--channels", nargs=3, default=["endomucin", "DAPI", "dextran"],
                        metavar="NAME", help="vessels, nuclei, tracer")  # fmt: skip
    given = parser.parse_args()
    print(f"| field | r of {given.weights} | r of the vessel channel |\n| --- | ---: | ---: |")
    rows = []
    for path in sorted(given.real.glob("*.ome.tif")):
        rows.append(correlations(path, given.weights, tuple(given.channels)))
        print(f"| {path.name.split('.')[0]} | {rows[-1][0]:.3f} | {rows[-1][1]:.3f} |")
    ours, vessels = np.mean(rows, axis=0)
    print(f"| mean | {ours:.3f} | {vessels:.3f} |")


if __name__ == "__main__":
    main()
