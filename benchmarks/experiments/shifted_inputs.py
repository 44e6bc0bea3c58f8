"""What do shifted inputs cost a network, with and without normalised inputs?

    python benchmarks/experiments/shifted_inputs.py RUN...

Predicts the test slides of each run (of ``hrpn-tf fit``) as they are, and with inputs of another
gain or background, or with one channel bleached to half, clipped as by a camera of 8 bits. The
target stays as it is. R² is that of all pixels of these slides as one image; the share is of the R²
of unaltered inputs. Runs of patch datasets with and without ``data.normalisation`` can be compared.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

if not __package__:  # run as a file: Python then knows its folder, and not the package it is in
    sys.path[0] = str(Path(__file__).parents[1])

import hrpn_tf as ht
from experiments.intensity import shifts
from experiments.study.slide_errors import Sums, pooled
from hrpn_tf.runs import Run, open_run
from hrpn_tf.slides import channel_index, open_slide
from hrpn_tf.slides.checks import recorded_pixel_size


def slides_of(run: Run) -> Iterator[tuple[np.ndarray, np.ndarray, float]]:
    """Inputs (H, W, inputs), target (H, W) and um per pixel of each test slide."""
    roles = [*run.config.data.inputs, run.config.data.target]
    for slide in run.slides():
        if slide.subset == "test":
            with open_slide(slide.path) as image:
                info = image.info
                channels = [channel_index(info, slide.channels[role]) for role in roles]
                pixels = image.read(0, 0, info.height, info.width, channels)
            size = recorded_pixel_size(info, slide.pixel_size_um)
            yield pixels[..., :-1], pixels[..., -1], size


def r2_by_shift(folder: Path) -> dict[str, float]:
    """R² of a run without and with each shift."""
    sums: dict[str, list[Sums]] = {}
    for inputs, target, size in slides_of(open_run(folder)):
        for name, alter in {"none": None, **shifts()}.items():
            seen = inputs if alter is None else alter(inputs.astype(np.float64))
            predicted = ht.predict(folder, seen, pixel_size=size, progress=False)
            found = Sums.of(target.astype(np.float32), predicted)
            sums.setdefault(name, []).append(found)
    return {name: pooled(each).r2 for name, each in sums.items()}


def table(found: dict[str, dict[str, float]]) -> list[str]:
    """Lines of a Markdown table.

    Args:
        found: by name of the run, R² by shift.

    Example:
        >>> print(*table({"a": {"none": 0.8, "gain x2": 0.4}}), sep="\\n")
        | inputs | R², a | share |
        |---|--:|--:|
        | none | 0.800 | 1.00 |
        | gain x2 | 0.400 | 0.50 |
    """
    heads = "".join(f" R², {name} | share |" for name in found)
    lines = [f"| inputs |{heads}", "|---|" + "--:|--:|" * len(found)]
    for shift in next(iter(found.values())):
        cells = (f" {r2[shift]:.3f} | {r2[shift] / r2['none']:.2f} |" for r2 in found.values())
        lines.append(f"| {shift} |{''.join(cells)}")
    return lines


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    given = parser.parse_args()
    print(*table({run.name: r2_by_shift(run) for run in given.runs}), sep="\n")


if __name__ == "__main__":
    main()
