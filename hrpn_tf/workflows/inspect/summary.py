"""A slide's report as text and as JSON."""

import os
from typing import Any

from hrpn_tf.slides import SlideInfo, implausible
from hrpn_tf.text import printable
from hrpn_tf.workflows.inspect.slide import PERCENTILES, ROLES, TARGET, SlideReport, is_nameless

# What to give where the names do not tell: for an input, for the target.
_SAY = (
    "give --channel {role}=NAME or {role}=INDEX, or a column '{role}' in the slide list",
    "to train or evaluate, give a column '{role}' in the slide list, or --set "
    "'data.channels={{{role}: NAME}}'",
)
_FILES = 6  # largest number listed; further files are counted


def as_text(report: SlideReport) -> str:
    """Text for the terminal: a line per property, a table of channels, and options to paste."""
    info = report.info
    facts = [
        ("slide", printable(info.path)),
        ("format", info.format or "unknown"),
        ("size", _size(info)),
        ("type", info.dtype.name),
        ("pixel size", _pixel_size(info)),
        ("position", _position(info)),
        ("depth", _depth(info)),
        ("levels", _levels(info)),
        ("files", _files(info)),
        ("thumbnail", printable(report.thumbnail or "none")),
    ]
    lines = [f"{name:12}{text}" for name, text in facts if text]
    lines += ["", f"channels (grey levels of {report.measured})", *_table(report)]
    if notes := _notes(report):
        lines += ["", *notes]
    if report.options:
        lines += ["", f"for hrpn-tf predict: {' '.join(report.options)}"]
    return "\n".join(lines)


def as_dict(report: SlideReport) -> dict[str, Any]:
    """The same as a JSON object; lengths in px and um."""
    info = report.info
    return {
        "slide": str(info.path),
        "format": info.format,
        "files": [str(file) for file in info.files],
        "height": info.height,
        "width": info.width,
        "dtype": info.dtype.name,
        "pixel_size_um": info.pixel_size_um,
        "pixel_size_implausible": info.pixel_size_um is not None
        and implausible(info.pixel_size_um),
        "position_um": None if info.position_um is None else list(info.position_um),
        "levels": [
            {"factor": factor, "height": shape[0], "width": shape[1]}
            for factor, shape in zip(info.levels, info.level_shapes, strict=True)
        ],
        "planes": info.planes,
        "z": info.depth,
        "segment_bytes": info.segment_bytes,
        "channels": [
            {
                "name": channel.name,
                "role": channel.role,
                "percentiles": None
                if channel.percentiles is None
                else dict(zip(map(_percent, PERCENTILES), channel.percentiles, strict=True)),
            }
            for channel in report.channels
        ],
        "measured": report.measured,
        "options": list(report.options),
        "remarks": list(report.remarks),
        "thumbnail": None if report.thumbnail is None else str(report.thumbnail),
    }


def _size(info: SlideInfo) -> str:
    text = f"{info.height} x {info.width} px (height x width)"
    if info.pixel_size_um is None:
        return text
    height, width = (n * info.pixel_size_um / 1000 for n in (info.height, info.width))
    return f"{text}, {height:.3g} x {width:.3g} mm"


def _pixel_size(info: SlideInfo) -> str:
    if info.pixel_size_um is None:
        return "not stated"
    question = " (implausible)" if implausible(info.pixel_size_um) else ""
    return f"{info.pixel_size_um:.6g} um/px{question}"


def _position(info: SlideInfo) -> str:
    if info.position_um is None:
        return ""
    return f"y {info.position_um[0]:.6g} um, x {info.position_um[1]:.6g} um"


def _depth(info: SlideInfo) -> str:
    if info.depth is None:
        return ""
    one = isinstance(info.depth, int)
    what = f"plane {info.depth}, counted from 1," if one else f"the {info.depth}"
    return f"{what} of {info.planes} planes"


def _levels(info: SlideInfo) -> str:
    steps = [
        f"{factor:g}: {shape[0]} x {shape[1]}"
        for factor, shape in zip(info.levels, info.level_shapes, strict=True)
    ]
    return f"{len(steps)} ({', '.join(steps)})"


def _files(info: SlideInfo) -> str:
    if info.files == (info.path,):
        return ""
    folder = info.path if info.path.is_dir() else info.path.parent
    names = [os.path.relpath(file, folder) for file in info.files[:_FILES]]
    more = f", ... ({len(info.files)} in all)" if len(info.files) > _FILES else ""
    return printable(", ".join(names)) + more


def _table(report: SlideReport) -> list[str]:
    rows = [("", "name", "role", *(f"{_percent(p)} %" for p in PERCENTILES))]
    for index, channel in enumerate(report.channels):
        levels = channel.percentiles or ("-",) * len(PERCENTILES)
        cells = [n if isinstance(n, str) else f"{n:.5g}" for n in levels]
        rows.append(
            (str(index), printable(" ".join(channel.name.split())), channel.role or "-", *cells)
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if place in (1, 2) else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _notes(report: SlideReport) -> list[str]:
    """What the names leave open, and how to say it."""
    notes = []
    indices = [str(i) for i, channel in enumerate(report.channels) if is_nameless(channel.name)]
    if indices:
        which = "the channels" if len(indices) == len(report.channels) else "some channels"
        notes.append(f"{which} have no names; name them by index, from 0: {', '.join(indices)}")
    for role, what in ROLES.items():
        found = [channel.role for channel in report.channels].count(role)
        if found != 1:
            how = "no channel's name suggests" if found == 0 else f"{found} channels' names suggest"
            notes.append(f"{role}: {how} {what}; {_SAY[role == TARGET].format(role=role)}")
    return notes


def _percent(value: float) -> str:
    return f"{value:g}"
