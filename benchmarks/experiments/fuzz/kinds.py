"""Kinds of files: how samples are made, and how a user reads them."""

import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from experiments.fuzz import networks, samples

_READ = 256  # px; side of the windows that are read


@dataclass(frozen=True)
class Kind:
    """A kind of files.

    Attributes:
        share: of all files.
        make: fills a folder with samples.
        read: reads one, damaged, as commands do; raises whatever they raise.
        tensorflow: whether samples or readers need TensorFlow.
        forge: whether checksums are made to fit after the damage, as a forger would.
        target: which files of a sample are damaged, if it is a folder; all without.
    """

    share: float
    make: samples.Maker
    read: Callable[[Path], None]
    tensorflow: bool = False
    forge: bool = False
    target: str = ""


def read_slide(path: Path) -> None:
    """Open a slide, read corners of all its levels, and inspect one in four of those files."""
    from hrpn_tf.slides import open_slide
    from hrpn_tf.workflows.inspect.slide import inspect_slide

    with open_slide(path) as slide:
        channels = range(min(4, len(slide.info.channels)))
        for level, (height, width) in enumerate(slide.info.level_shapes[:6]):
            h, w = min(height, _READ), min(width, _READ)
            for y, x in {(0, 0), (height - h, width - w)}:
                slide.read(y, x, h, w, list(channels), level)
    if zlib.crc32(path.parent.name.encode()) % 4 == 0:
        inspect_slide(path, path.parent / "thumbnail.png", overwrite=True)


def read_outlines(path: Path) -> None:
    """As ``--mask`` and ``--regions`` do."""
    from hrpn_tf.prediction.mask import read_mask, read_regions

    mask = read_mask(path, *samples.SHAPE)
    mask.fill(0, 0, *samples.SHAPE)
    read_regions(path, *samples.SHAPE, lambda feature, number: str(number))


def read_list(folder: Path) -> None:
    """As ``hrpn-tf prepare`` does, until patches are cut."""
    from hrpn_tf.config import load_config
    from hrpn_tf.data.plan import plan_slides
    from hrpn_tf.data.slide_list import read_slide_list

    config = load_config(overrides=["data.patch=16", "data.stride=16"]).data
    for path in sorted(folder.glob("slides.*")):
        plan_slides(read_slide_list(path, config), config)


def read_configuration(path: Path) -> None:
    """As every command does."""
    from hrpn_tf.config import load_config, to_yaml

    to_yaml(load_config(path))


def read_run(folder: Path) -> None:
    """As commands do that need no network."""
    from hrpn_tf.runs.run import open_run

    run = open_run(folder)
    for name in ("contract", "split", "subsets", "records", "history", "is_calibrated"):
        found = getattr(run, name)
        if callable(found):
            found()
    run._repr_html_()
    run.with_overrides(["prediction.tile=64"])


def read_run_with_network(folder: Path) -> None:
    """As ``hrpn-tf predict --run`` does before it predicts."""
    from hrpn_tf.runs.loading import load_run

    model, contract, _ = load_run(folder)
    model(np.zeros((1, 32, 32, len(contract.inputs)), np.float32))


def read_bundle(path: Path) -> None:
    """Every format of a bundle, loaded and run once."""
    from hrpn_export import BundleError, open_bundle, open_session

    with open_bundle(path) as bundle:
        errors = []
        for one in bundle.manifest.artefacts:
            try:
                session = open_session(bundle, one.format, one.precision)
                session(np.zeros((1, 32, 32, len(session.contract.inputs)), np.float32))
            except BundleError as error:
                errors.append(error)
        if errors:
            raise errors[0]


def predict(folder: Path) -> None:
    """``hrpn-tf predict`` of a damaged slide with a bundle that is not."""
    from hrpn_tf.cli.main import main

    arguments = ["predict", str(folder / networks.SLIDE), "--bundle", str(folder / "bundle"),
                 "--out", str(folder / "out.ome.tif"), "--tile", "64", "--overwrite",
                 "--channel", "vessels=0", "--channel", "nuclei=1"]  # fmt: skip
    main.main(arguments, "hrpn-tf", standalone_mode=False)


KINDS: dict[str, Kind] = {
    "tiff": Kind(0.28, samples.tiff, read_slide),
    "zarr": Kind(0.22, samples.zarr, read_slide),
    "geojson": Kind(0.1, samples.geojson, read_outlines),
    "list": Kind(0.1, samples.slide_list, read_list, target="slides.*"),
    "config": Kind(0.08, samples.configuration, read_configuration),
    "run": Kind(0.07, samples.run_folder, read_run),
    "network": Kind(0.04, networks.run_with_network, read_run_with_network, tensorflow=True),
    "bundle": Kind(0.08, networks.bundle, read_bundle, tensorflow=True, forge=True),
    "predict": Kind(0.03, networks.slides_and_bundle, predict, tensorflow=True, target="slide*"),
}


@contextmanager
def named_errors() -> Iterator[list[str]]:
    """Collects the line that a user would see; other exceptions pass."""
    import click
    from hrpn_export import BundleError

    from hrpn_tf.errors import HrpnError

    said: list[str] = []
    try:
        yield said
    except (HrpnError, BundleError) as error:
        said.append(f"{type(error).__name__}: {error}")
    except click.ClickException as error:
        said.append(f"{type(error).__name__}: {error.format_message()}")
    except OSError as error:  # the command line shows these as one line, too
        said.append(f"{type(error).__name__}: {error}")


def forge(root: Path) -> None:
    """Let the manifest of a bundle vouch for the files as they are now."""
    import hashlib

    manifest = root / "bundle.json"
    if manifest.is_symlink() or not manifest.is_file():
        return  # a link to a device has no end, and a pipe no beginning
    try:
        values = json.loads(manifest.read_text(encoding="utf-8"))
        for name in values["files"]:
            if (root / name).is_file() and not (root / name).is_symlink():
                digest = hashlib.sha256((root / name).read_bytes()).hexdigest()
                values["files"][name] = digest
        manifest.write_text(json.dumps(values), encoding="utf-8")
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return  # the manifest itself is damaged
