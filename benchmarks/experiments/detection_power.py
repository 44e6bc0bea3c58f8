"""Which changes of brightness are noticed, given so many training slides?

Brightness, background and staining of slides are changed by 5 to 50 %.

    python benchmarks/experiments/detection_power.py

Slides are simulated, each an animal of its own, in 16 bits. Some of them stand for the training
slides; the others are judged as they are (each that is called unlike is a false alarm) and with a
change. That is repeated for random choices of the training slides. The network's features are not
used: this is what a bundle in ONNX can notice. With ``--images FOLDER`` the changes are made to
real slides (OME-TIFF) in place of simulated ones.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hrpn_tf.config import load_config
from hrpn_tf.evaluation.out_of_distribution import (
    TrainingProfile,
    describe,
    judge,
    learn_profile,
)
from hrpn_tf.evaluation.out_of_distribution.statistics import SIDE, SlideStatistics
from hrpn_tf.progress import Progress

Change = Callable[[np.ndarray, float], np.ndarray]
ROLES = ("vessels", "nuclei")
SHIFTS = (-0.5, -0.3, -0.2, -0.1, -0.05, 0.05, 0.1, 0.2, 0.3, 0.5)
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9")  # Okabe and Ito


def gain(image: np.ndarray, share: float) -> np.ndarray:
    """All grey levels of all channels by a share of themselves: exposure, lamp, camera."""
    return image * (1 + share)


def background(image: np.ndarray, share: float) -> np.ndarray:
    """A constant, by a share of each channel's mean grey level: autofluorescence, camera offset."""
    return np.maximum(image + share * image.mean(axis=(0, 1)), 0)


def staining(image: np.ndarray, share: float) -> np.ndarray:
    """What the vessel channel shows above its background, by a share of itself."""
    changed = image.copy()
    dark = np.percentile(image[..., 0], 1)
    changed[..., 0] = dark + (image[..., 0] - dark) * (1 + share)
    return np.maximum(changed, 0)


def stored(image: np.ndarray) -> np.ndarray:
    """As a file of whole numbers holds it: rounding adds noise, which is compared, too."""
    return np.rint(image)


CHANGES: dict[str, Change] = {"gain": gain, "background": background, "staining": staining}


def simulated(slides: int, side: int, seed: int) -> Iterator[np.ndarray]:
    """The inputs of simulated slides (H, W, 2), grey levels."""
    from hrpn_tf.simulation.phantom import make_phantom

    choices = (f"height={side}", f"width={side}", "floor_draws=2", "optics.bits=16",
               f"slides={slides}", f"groups={slides}", f"seed={seed}")  # fmt: skip
    config = load_config(overrides=[f"simulation.{choice}" for choice in choices]).simulation
    with Progress("simulate", slides, "slide") as bar:
        for number in range(slides):
            yield make_phantom(config, number, number).image[..., :2].astype(np.float32)
            bar.update()


def real(folder: Path, channels: Sequence[str]) -> Iterator[np.ndarray]:
    """The inputs of the slides of a folder."""
    from hrpn_tf.slides import channel_index, open_slide

    for path in sorted(folder.glob("*.tif")):
        with open_slide(path) as slide:
            info = slide.info
            wanted = [channel_index(info, int(c) if c.isdigit() else c) for c in channels]
            yield slide.read(0, 0, info.height, info.width, wanted).astype(np.float32)


def statistics_of(image: np.ndarray) -> SlideStatistics:
    """Of all whole windows of an image."""
    rows, columns = image.shape[0] // SIDE, image.shape[1] // SIDE
    windows = [
        image[y * SIDE : (y + 1) * SIDE, x * SIDE : (x + 1) * SIDE]
        for y in range(rows)
        for x in range(columns)
    ]
    return describe(windows)


@dataclass(frozen=True)
class Draw:
    """A choice of training slides: their profile, and the numbers of the other slides."""

    profile: TrainingProfile
    others: np.ndarray


def draw(plain: Sequence[SlideStatistics], training: int, draws: int) -> list[Draw]:
    """Random choices of training slides, the same in every call."""
    random, found = np.random.default_rng(training), []
    for _ in range(draws):
        order = random.permutation(len(plain))
        slides = {f"s{i}": (f"s{i}", plain[i]) for i in order[:training]}
        found.append(Draw(learn_profile(ROLES, slides, SIDE), order[training:]))
    return found


def noticed(draws: Sequence[Draw], changed: Sequence[SlideStatistics]) -> float:
    """Share of changed slides that are called unlike the training slides."""
    return float(np.mean([judge(d.profile, changed[i]).is_out for d in draws for i in d.others]))


Row = tuple[str, float, list[float]]  # change, its share, and how many slides were noticed


def measure(
    images: Sequence[np.ndarray], training: Sequence[int], draws: int, changes: Sequence[str]
) -> Iterator[Row]:
    """The share of slides that are noticed: first without a change, then with each.

    Args:
        images: the inputs of slides (H, W, 2), grey levels.
        training: numbers of training slides.
        draws: how many choices of them.
        changes: names of ``CHANGES``.
    """
    plain = [statistics_of(image) for image in images]
    choices = [draw(plain, n, draws) for n in training]
    yield "none", 0.0, [noticed(each, plain) for each in choices]
    for name in changes:
        for share in SHIFTS:
            changed = [statistics_of(stored(CHANGES[name](image, share))) for image in images]
            yield name, share, [noticed(each, changed) for each in choices]


def line(row: Row) -> str:
    """A row of the table.

    >>> line(("gain", -0.5, [0.48, 1.0]))
    '| gain -50% | 48% | 100% |'
    """
    name, share, found = row
    title = f"{name} {share:+.0%}" if share else "none (false alarms)"
    return f"| {title} | " + " | ".join(f"{each:.0%}" for each in found) + " |"


def plot(found: Sequence[Row], training: Sequence[int], path: Path) -> None:
    """The curve of each change, by the number of training slides."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = [name for name in CHANGES if any(row[0] == name for row in found)]
    figure = Figure(figsize=(3.2 * len(names), 3.0), layout="constrained", dpi=150)
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for axis, name in zip(axes, names, strict=True):
        own = sorted([row for row in found if row[0] in (name, "none")], key=lambda row: row[1])
        for number, (count, marker) in enumerate(zip(training, "osD^v<>", strict=False)):
            axis.plot(
                [100 * row[1] for row in own],
                [100 * row[2][number] for row in own],
                color=_COLOURS[number % len(_COLOURS)],
                marker=marker,
                markersize=3.5,
                label=f"{count} training slides",
            )
        axis.set(title=name, xlabel="change, %", ylim=(-3, 103))
        axis.grid(visible=True, linewidth=0.4, alpha=0.6)
    axes[0].set_ylabel("noticed, % of slides")
    axes[-1].legend(fontsize=7)
    figure.savefig(path, metadata={"Software": None})


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--slides", type=int, default=32, help="how many to simulate  [32]")
    parser.add_argument("--side", type=int, default=512, help="px  [512]")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--training", type=int, nargs="+", default=[3, 6, 12, 24])
    parser.add_argument("--draws", type=int, default=20, help="choices of training slides  [20]")
    parser.add_argument("--changes", nargs="+", choices=list(CHANGES), default=list(CHANGES))
    parser.add_argument("--plot", type=Path, help="PNG file of the curves")
    parser.add_argument("--images", type=Path, help="folder of real slides to use instead")
    parser.add_argument("--channels", nargs=2, default=["0", "1"], help="of the real slides")
    given = parser.parse_args()
    if given.images is None:
        images = list(simulated(given.slides, given.side, given.seed))
    else:
        images = list(real(given.images, given.channels))
    training = [n for n in given.training if n < len(images)]
    print("| change | " + " | ".join(f"{n} training slides" for n in training) + " |")
    print("|---|" + "---:|" * len(training))
    found = []
    for row in measure(images, training, given.draws, given.changes):
        found.append(row)
        print(line(row), flush=True)
    if given.plot is not None:
        plot(found, training, given.plot)


if __name__ == "__main__":
    main()
