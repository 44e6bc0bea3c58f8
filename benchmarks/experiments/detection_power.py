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
_LEAST_TESTED = 4


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


def rows(
    images: Sequence[np.ndarray], training: Sequence[int], draws: int, changes: Sequence[str]
) -> Iterator[str]:
    """The table, line by line."""
    plain = [statistics_of(image) for image in images]
    counts = [n for n in training if n <= len(images) - _LEAST_TESTED]
    choices = [draw(plain, n, draws) for n in counts]
    yield "| change | " + " | ".join(f"{n} training slides" for n in counts) + " |"
    yield "|---|" + "---:|" * len(counts)

    def row(name: str, changed: Sequence[SlideStatistics]) -> str:
        shares = [noticed(each, changed) for each in choices]
        return f"| {name} | " + " | ".join(f"{share:.0%}" for share in shares) + " |"

    yield row("none (false alarms)", plain)
    for name in changes:
        for share in SHIFTS:
            changed = [statistics_of(CHANGES[name](image, share)) for image in images]
            yield row(f"{name} {share:+.0%}", changed)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--slides", type=int, default=32, help="how many to simulate  [32]")
    parser.add_argument("--side", type=int, default=512, help="px  [512]")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--training", type=int, nargs="+", default=[3, 6, 12, 24])
    parser.add_argument("--draws", type=int, default=20, help="choices of training slides  [20]")
    parser.add_argument("--changes", nargs="+", choices=list(CHANGES), default=list(CHANGES))
    parser.add_argument("--images", type=Path, help="folder of real slides to use instead")
    parser.add_argument("--channels", nargs=2, default=["0", "1"], help="of the real slides")
    given = parser.parse_args()
    if given.images is None:
        images = list(simulated(given.slides, given.side, given.seed))
    else:
        images = list(real(given.images, given.channels))
    for line in rows(images, given.training, given.draws, given.changes):
        print(line, flush=True)


if __name__ == "__main__":
    main()
