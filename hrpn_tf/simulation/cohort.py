"""Simulates a cohort of slides, slide by slide; an interrupted simulation can be resumed."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from hrpn_tf._version import __version__
from hrpn_tf.config.differences import differing_keys
from hrpn_tf.config.simulation import SimulationConfig
from hrpn_tf.errors import OutputExistsError, RunError
from hrpn_tf.extras import require
from hrpn_tf.files import atomic_path
from hrpn_tf.leftovers import clear_folder
from hrpn_tf.progress import Progress
from hrpn_tf.simulation.phantom import STAGES, Phantom, make_phantom
from hrpn_tf.slides import write_slide
from hrpn_tf.text import csv_table
from hrpn_tf.untrusted import read_json, read_yaml

CONFIG = "simulation.yaml"
SLIDE_LIST = "slides.csv"
TRUTH = "truth"


@dataclass(frozen=True)
class PlannedSimulation:
    """One slide of a cohort: its number, its name, and its group's number and name."""

    number: int
    name: str
    group_number: int
    group: str


def plan(config: SimulationConfig) -> tuple[PlannedSimulation, ...]:
    """The slides of a cohort; groups are filled in turn."""
    return tuple(
        PlannedSimulation(
            number=number,
            name=f"slide-{number + 1:03d}",
            group_number=number % config.groups,
            group=f"animal-{number % config.groups + 1:03d}",
        )
        for number in range(config.slides)
    )


def simulate_cohort(config: SimulationConfig, out: Path, overwrite: bool = False) -> Path:
    """Make all slides of a cohort that are not there yet.

    Args:
        config: what to simulate.
        out: folder; gets ``SLIDE.ome.tif``, ``truth/SLIDE.*``, ``simulation.yaml`` and, at the
            end, ``slides.csv``.
        overwrite: start afresh where ``out`` holds a cohort.

    Returns:
        The path of the slide list.

    Raises:
        MissingPackageError: the extra ``simulate`` is not installed.
        RunError: ``out`` holds a cohort of another configuration or version.
        OutputExistsError: ``out`` holds something else.
        DiskFullError: the disk filled up.
    """
    require("simulating", "pyamg", "cv2")
    slides = plan(config)
    for folder in (out, out / TRUTH):
        clear_folder(folder)
    _claim(config, out, overwrite)
    steps = len(STAGES) + 1
    with Progress("simulate", len(slides) * steps, "stage") as bar:
        for slide in slides:
            if _is_finished(out, slide.name):
                bar.update(steps)
                continue

            def progress(stage: str, name: str = slide.name) -> None:
                bar.update(note=f"{name}: {stage}")

            phantom = make_phantom(config, slide.number, slide.group_number, progress)
            progress("writing")
            _write(phantom, slide, config, out)
    rows = [{"slide": f"{slide.name}.ome.tif", "group": slide.group} for slide in slides]
    _write_text(out / SLIDE_LIST, csv_table(rows))
    return out / SLIDE_LIST


def read_reports(config: SimulationConfig, out: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and report of each finished slide of a cohort."""
    for slide in plan(config):
        yield slide.name, read_json(_report_path(out, slide.name), RunError)


def _claim(config: SimulationConfig, out: Path, overwrite: bool) -> None:
    """Make ``out`` the folder of this cohort, or find that it is already."""
    marker = out / CONFIG
    wanted = {"version": __version__, "simulation": config.model_dump(mode="json")}
    if marker.is_file():
        found = _read_marker(marker)
        if found != wanted and not overwrite:
            raise RunError(
                f"{out} holds a cohort of another configuration ({_difference(found, wanted)}); "
                "give another --out, or --overwrite to replace it"
            )
        if overwrite:
            _clear(out)
    elif out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise OutputExistsError(f"{out} exists and holds no cohort; give another --out")
    _write_text(marker, yaml.safe_dump(wanted, sort_keys=False, allow_unicode=True))


def _read_marker(marker: Path) -> Any:
    try:
        return read_yaml(marker, RunError)
    except RunError:
        return None


def _difference(found: Any, wanted: dict[str, Any]) -> str:
    """The first keys in which a configuration that was found differs from the one wanted."""
    if not isinstance(found, dict):
        return f"{CONFIG} is unreadable"
    return ", ".join(differing_keys(found, wanted)[:5])


def _clear(out: Path) -> None:
    """Remove the slides and truths that a cohort wrote, and nothing else."""
    (out / SLIDE_LIST).unlink(missing_ok=True)
    for report in sorted((out / TRUTH).glob("slide-*.json")):
        report.unlink()  # first: without it the slide counts as not made
    for path in [*out.glob("slide-*.ome.tif"), *(out / TRUTH).glob("slide-*")]:
        path.unlink()


def _report_path(out: Path, name: str) -> Path:
    return out / TRUTH / f"{name}.json"


def _is_finished(out: Path, name: str) -> bool:
    """The report is written last, so the slide is complete unless it was removed since."""
    return _report_path(out, name).is_file() and (out / f"{name}.ome.tif").is_file()


def _write(phantom: Phantom, slide: PlannedSimulation, config: SimulationConfig, out: Path) -> None:
    """Write a slide and its truth; the report comes last and marks the slide as finished."""
    provenance = {
        "made_by": f"hrpn-tf {__version__} simulate",
        "slide": slide.name,
        "group": slide.group,
        "configuration": config.model_dump(mode="json"),
    }
    names = (config.channels.vessels, config.channels.nuclei, config.channels.target)
    truth = {
        "concentration": phantom.concentration,
        "vessels": phantom.vessels,
        "permeability": phantom.permeability,
    }
    images: list[tuple[Path, np.ndarray, tuple[str, ...]]] = [
        (out / f"{slide.name}.ome.tif", phantom.image, names)
    ]
    for name, image in truth.items():
        path = out / TRUTH / f"{slide.name}.{name}.ome.tif"
        images.append((path, image[..., None], (name,)))
    for path, image, channels in images:
        write_slide(
            path,
            image,
            channels=channels,
            pixel_size_um=config.pixel_size_um,
            provenance=provenance,
            overwrite=True,
        )
    _write_text(out / TRUTH / f"{slide.name}.vessels.csv", csv_table(phantom.table))
    report = {"slide": slide.name, "group": slide.group, **phantom.report}
    report["configuration"] = config.model_dump(mode="json")
    _write_text(_report_path(out, slide.name), json.dumps(_rounded(report), indent=2) + "\n")


def _write_text(path: Path, text: str) -> None:
    with atomic_path(path, overwrite=True) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _rounded(value: Any) -> Any:
    """Floats to nine significant digits.

    The last digits of a sum depend on where its array lies in memory; the same seed shall give the
    same bytes all the same.
    """
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(each) for each in value]
    return float(f"{value:.9g}") if isinstance(value, float) else value
