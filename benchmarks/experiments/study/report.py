"""The report: tables, pictures and verdicts, from the records alone."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from experiments.study import tables
from experiments.study.certificates import read_certificates
from experiments.study.costs import FILE as COSTS
from experiments.study.design import Design
from experiments.study.gap import Gaps, gaps, read_gaps
from experiments.study.goals import Found, Records
from experiments.study.lengths import lengths, read_trainings
from experiments.study.plots import curves, pareto
from experiments.study.record import Record, read_records
from hrpn_tf.files import atomic_path

REPORT = "report.md"


def write_report(design: Design, results: Path, pictures: Path, docs: Path | None) -> str:
    """Make the report from the records that are there.

    Args:
        design: what should be there.
        results: folder of the records.
        pictures: folder of the pictures, which are replaced.
        docs: a page whose parts between ``<!-- study: NAME -->`` and ``<!-- end -->`` are replaced;
            without one, ``report.md`` beside the pictures has them.

    Returns:
        What was written, in words.

    Raises:
        ValueError: the page has no such part, or one of an unknown name.
    """
    records, costs = grouped(design, results), read_costs(results)
    found = Found(records, costs, read_certificates(results))
    parts = report_parts(design, found, read_trainings(results), read_gaps(results))
    if docs is None:
        page = pictures / REPORT
        text = "\n\n".join(f"## {name}\n\n{part}" for name, part in parts.items()) + "\n"
    else:
        page, text = docs, fill(docs.read_text(encoding="utf-8"), parts)
    page.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(page, overwrite=True) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return "\n".join(map(str, (page, *draw(design, records, costs, pictures))))


def grouped(design: Design, results: Path) -> dict[str, dict[str, list[Record]]]:
    """The records that are there, by data set and network, both in the order of the design.

    Folds and extras are among them, whether they are switched on or not.
    """
    design = design.with_everything()
    pieces = sorted(design.pieces(), key=lambda piece: piece.seed)
    found = read_records(results, [piece.file for piece in pieces])
    order = [network.name for network in design.networks]
    data: dict[str, dict[str, list[Record]]] = {each.name: {} for each in design.data}
    for name in order:
        for piece in pieces:
            if piece.network.name == name and piece.file in found:
                data[piece.data.name].setdefault(name, []).append(found[piece.file])
    return {name: networks for name, networks in data.items() if networks}


def read_costs(results: Path) -> dict[str, Any] | None:
    """What ``costs`` measured; None where it did not run."""
    path = results / COSTS
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None


def report_parts(
    design: Design,
    found: Found,
    trainings: Sequence[Mapping[str, Any]] = (),
    measured_gaps: Gaps = MappingProxyType({}),
) -> dict[str, str]:
    """The generated parts of the page, by their name."""
    records, costs = found.records, found.costs
    parts = {"goals": tables.verdicts(found), "missing": missing(design, records, costs)}
    for data in (each.name for each in design.data if not each.is_fold):
        there = records.get(data)
        nothing = f"No piece of `{data}` is finished yet."
        names = [network.name for network in design.networks]
        parts[f"{data} lengths"] = lengths(trainings, data, names)
        parts[f"{data} errors"] = tables.errors(there) if there else nothing
        parts[f"{data} differences"] = tables.differences(there) if there else nothing
        parts[f"{data} gap"] = gaps(measured_gaps, data)
        parts[f"{data} trainings"] = tables.trainings(there, design) if there else nothing
        parts[f"{data} core-hours"] = tables.core_hours(there) if there else nothing
    parts["costs"] = tables.costs(costs)
    parts["certificates"] = tables.certificates(found.certificates)
    parts["extras"] = tables.extras(records, design)
    folds = folds_as_one(design, records)
    none = "No fold is finished yet (`--with leave-one-out`)."
    parts["leave one out"] = tables.errors(folds) if folds else none
    parts["leave one out differences"] = tables.differences(folds) if folds else none
    return parts


def folds_as_one(design: Design, records: Records) -> dict[str, list[Record]]:
    """The folds of each network as one record, whose test slides are those of all folds.

    Only folds that all networks have, so that they are compared on the same slides.
    """
    found: dict[str, list[Record]] = {}
    folds = [each.name for each in design.with_everything().data if each.is_fold]
    begun = [fold for fold in folds if fold in records]
    names = dict.fromkeys(name for fold in begun for name in records[fold])
    folds = [fold for fold in begun if all(name in records[fold] for name in names)]
    for name in names if folds else ():
        parts = [records[fold][name][0] for fold in folds]
        slides = {slide: values for part in parts for slide, values in part.slides.items()}
        found[name] = [Record({**parts[0].values, "slides": slides})]
    return found


def missing(design: Design, records: Records, costs: Mapping[str, Any] | None) -> str:
    """The pieces that are not finished, extras and folds included, one line for each data set."""
    there = {
        (record.data, record.network, record.seed)
        for networks in records.values()
        for seeds in networks.values()
        for record in seeds
    }
    everything = design.with_everything()
    order = [network.name for network in everything.networks]
    pieces = sorted(everything.pieces(), key=lambda p: (order.index(p.network.name), p.seed))
    left: dict[str, dict[str, list[str]]] = {}
    for piece in pieces:
        data, part = piece.data, str(piece.seed)
        if (data.name, piece.network.name, piece.seed) in there:
            continue
        where = data.source
        if data.is_fold:
            where, part = f"{where}, leave one out", data.name.rpartition("-without-")[2]
        left.setdefault(where, {}).setdefault(piece.network.name, []).append(part)
    lines = [
        f"- {where}: " + "; ".join(f"`{name}` {', '.join(of)}" for name, of in networks.items())
        for where, networks in left.items()
    ]
    lines += [] if costs else ["- `costs`"]
    if not lines:
        return "All pieces are finished."
    return "\n".join(["Not finished, by seed or by the field that is left out:", "", *lines])


def draw(
    design: Design, records: Records, costs: Mapping[str, Any] | None, folder: Path
) -> list[Path]:
    """Curves and fronts of each data set; records of extras are among them."""
    networks = design.with_everything().networks
    drawn = []
    for data in (each.name for each in design.data if not each.is_fold):
        if data in records:
            drawn.append(curves(records[data], networks, folder / f"study-{data}-curves.png"))
            front = pareto(records[data], networks, costs, folder / f"study-{data}-front.png")
            drawn += [front] if front else []
    return drawn


def fill(page: str, parts: Mapping[str, str]) -> str:
    """The page with its generated parts replaced.

    Example:
        >>> fill("a\\n<!-- study: goals -->\\nold\\n<!-- end -->\\nb", {"goals": "new"})
        'a\\n<!-- study: goals -->\\n\\nnew\\n\\n<!-- end -->\\nb'
    """
    pattern = re.compile(r"(<!-- study: (.+?) -->\n).*?(<!-- end -->)", re.DOTALL)
    names = [found[2] for found in pattern.finditer(page)]
    if not names:
        raise ValueError("the page has no part <!-- study: NAME --> ... <!-- end -->")
    if unknown := [name for name in names if name not in parts]:
        raise ValueError(f"no part {unknown[0]!r}; there are {', '.join(parts)}")
    return pattern.sub(lambda found: f"{found[1]}\n{parts[found[2]]}\n\n{found[3]}", page)
