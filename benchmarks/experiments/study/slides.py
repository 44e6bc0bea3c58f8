"""The slides of a data set and their patches, which the trainings read."""

import csv
from dataclasses import dataclass
from pathlib import Path

from experiments.study import commands
from experiments.study.commands import Deadline, Spent
from experiments.study.design import DataSet, Design


@dataclass(frozen=True)
class Place:
    """Where a study works.

    Attributes:
        out: its folder.
        real: folder of the real fields, ``*.ome.tif``; None without them.
        records: folder of the records.
    """

    out: Path
    real: Path | None
    records: Path

    def trainings(self, data: str, network: str) -> Path:
        """Folder of the runs of a network on a data set."""
        return self.out / data / "trainings" / network


def is_there(data: DataSet, place: Place) -> bool:
    """Whether the slides of a data set can be had."""
    return "simulate" in data.values or place.real is not None


def prediction_of(folder: Path, slide: Path) -> Path:
    """The predicted slide."""
    from hrpn_tf.slides.names import slide_name

    return folder / f"{slide_name(slide)}.ome.tif"


def prepare(data: DataSet, design: Design, place: Place, deadline: Deadline) -> Path:
    """Make or list the slides, and cut them into a patch dataset; gives its folder."""
    folder = place.out / data.source
    store = folder / "patches"
    if store.exists():
        return store
    folder.mkdir(parents=True, exist_ok=True)
    if "simulate" in data.values:
        table = _simulated(folder, data, design, deadline)
    else:
        assert place.real is not None
        table = _listed(folder, place.real)
    source = ["--config", data.values["config"]] if "config" in data.values else []
    sets = [f"--set={value}" for value in data.values.get("set", [])]
    commands.call(["prepare", str(table), "--out", str(store), *source, *sets], deadline, Spent())
    return store


def _simulated(folder: Path, data: DataSet, design: Design, deadline: Deadline) -> Path:
    """Slides whose report is finished; the command resumes after them."""
    slides, side = folder / "slides", design.values["side"]
    size = {"height": side, "width": side, **data.values["simulate"]}
    options = [f"--set=simulation.{key}={value}" for key, value in size.items()]
    done = folder / "simulated"
    if not done.exists():
        commands.call(["simulate", "--out", str(slides), *options], deadline, Spent())
        done.touch()
    return slides / "slides.csv"


def _listed(folder: Path, real: Path) -> Path:
    """The slide list of the real fields; each is a group."""
    table = folder / "slides.csv"
    fields = sorted(real.resolve().glob("*.ome.tif"))
    with table.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["slide", "group"])
        rows.writerows([path, f"field-{path.name.removesuffix('.ome.tif')}"] for path in fields)
    return table
