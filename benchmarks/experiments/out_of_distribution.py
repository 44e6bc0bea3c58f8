"""How often are slides, unchanged and altered, reported as unlike the training slides?

    hrpn-tf simulate --config demo --set simulation.seed=11 --set simulation.slides=20 \\
        --set simulation.groups=20 --out more
    python benchmarks/experiments/out_of_distribution.py RUN more

RUN is a run folder of ``hrpn-tf fit --config demo`` (``make demo`` makes one). Every slide is
judged as in ``hrpn-tf predict``, but not predicted. Some are judged again with another staining
level, a pixel size that differs from the stated one, or swapped channels.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hrpn_tf.runs import open_run
from hrpn_tf.slides import open_slide, write_slide
from hrpn_tf.workflows.networks.network import load_network
from hrpn_tf.workflows.networks.run import RunNetwork
from hrpn_tf.workflows.predict.jobs import opened
from hrpn_tf.workflows.predict.one_slide import plan_slides
from hrpn_tf.workflows.predict.out_of_distribution import KEY, find_profile
from hrpn_tf.workflows.predict.requests import Request

Alter = Callable[[np.ndarray], np.ndarray]
FEATURES = "features of the network"


def gain(factor: float) -> Alter:
    """All grey levels times a factor, clipped as by a camera."""
    return lambda image: np.clip(np.rint(image * factor), 0, 255)


def one_channel(channel: int, factor: float) -> Alter:
    """Another staining level of one channel."""

    def alter(image: np.ndarray) -> np.ndarray:
        image = image.copy()
        image[..., channel] = gain(factor)(image[..., channel])
        return image

    return alter


def resized(factor: float) -> Alter:
    """Structures of another size in pixels than in training; the stated pixel size stays."""
    import cv2

    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR

    def alter(image: np.ndarray) -> np.ndarray:
        image = image[: 1024 if factor > 1 else None, : 1024 if factor > 1 else None]
        return np.rint(cv2.resize(image, None, fx=factor, fy=factor, interpolation=how))

    return alter


ALTERED: dict[str, Alter] = {
    "gain 3": gain(3),
    "gain 1.5": gain(1.5),
    "gain 1.1": gain(1.1),
    "gain 1/3": gain(1 / 3),
    "vessels, gain 2": one_channel(0, 2),
    "pixels 2 times as large": resized(0.5),
    "pixels 1.3 times as large": resized(1 / 1.3),
    "pixels half as large": resized(2),
    "channels swapped": lambda image: image[..., ::-1],
}
# The file states this pixel size, so predict resamples the slide to that of the training.
STATED = "pixels 2 times as large, stated"


def judge(network: RunNetwork, slide: Path) -> dict[str, Any]:
    """The assessment that ``hrpn-tf predict`` would write for a slide."""
    contract = network.contract()
    channels = {role: index for index, role in enumerate(contract.inputs)}
    request = Request(slide, slide.parent / "none.ome.tif", channels, None)
    job = replace(plan_slides(network, [request])[0], profile=find_profile(network, contract)[0])
    with opened(job, load_network(job.network), None) as prediction:
        assert prediction.assess is not None
        tissue = None if prediction.find_tissue is None else prediction.find_tissue()
        started = time.process_time()
        found: dict[str, Any] = dict(prediction.assess(tissue))[KEY]
        return {**found, "seconds": time.process_time() - started}


def altered(slide: Path, alter: Alter, folder: Path, larger: float = 1.0) -> Path:
    """A copy of a slide's input channels, altered, with the stated pixel size times ``larger``."""
    with open_slide(slide) as image:
        info = image.info
        pixels = image.read(0, 0, info.height, info.width, (0, 1)).astype(np.float32)
    out = folder / slide.name
    write_slide(
        out,
        alter(pixels).astype(info.dtype),
        channels=info.channels[:2],
        pixel_size_um=larger * (info.pixel_size_um or 0.5),
        provenance={},
        overwrite=True,
    )
    return out


def row(name: str, found: list[dict[str, Any]]) -> str:
    """One row of the table: how many slides are out of distribution, and by which score."""
    scores = np.array([each["score"] for each in found])
    plain = [max(v for k, v in each["scores"].items() if k != FEATURES) for each in found]
    features = [each["scores"][FEATURES] for each in found]
    cells = [
        name,
        str(len(found)),
        str(int((scores > 1).sum())),
        str(int((np.array(plain) > 1).sum())),
    ]
    cells += [f"{np.median(v):.2f} ({min(v):.2f} to {max(v):.2f})" for v in (plain, features)]
    return "| " + " | ".join(cells) + " |"


def rows(run: Path, slides: list[Path], others: int) -> Iterator[str]:
    """The table, line by line."""
    network = RunNetwork(open_run(run))
    yield "| slides | n | called unlike | without features | score of pixels | score of features |"
    yield "|---|---:|---:|---:|---:|---:|"
    plain = [judge(network, slide) for slide in slides]
    yield row("as they are", plain)
    with tempfile.TemporaryDirectory() as scratch:
        for name, alter in ALTERED.items():
            some = [judge(network, altered(s, alter, Path(scratch))) for s in slides[:others]]
            yield row(name, some)
        some = [judge(network, altered(s, resized(0.5), Path(scratch), 2)) for s in slides[:others]]
        yield row(STATED, some)
    for slide, found in zip(slides, plain, strict=True):
        if found["out_of_distribution"]:
            yield f"{slide.name}: {'; '.join(found['reasons'])}"
    judging = np.median([each["seconds"] for each in plain])
    yield f"\nprocessor time of judging a slide: {judging:.2f} s; {_of_network(network)}"


def _of_network(network: RunNetwork) -> str:
    """The network's processor time for a million pixels."""
    session = load_network(network.absolute())
    tile = np.zeros((1, 1024, 1024, len(session.contract.inputs)), np.float32)
    session(tile)
    started = time.process_time()
    session(tile)
    return f"of predicting a megapixel of it: {time.process_time() - started:.2f} s"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path, help="run folder of hrpn-tf fit")
    parser.add_argument("slides", type=Path, help="folder of slides like those of the training")
    parser.add_argument("--altered", type=int, default=5, help="number of slides to alter  [5]")
    given = parser.parse_args()
    for line in rows(given.run, sorted(given.slides.glob("*.ome.tif")), given.altered):
        print(line, flush=True)


if __name__ == "__main__":
    main()
