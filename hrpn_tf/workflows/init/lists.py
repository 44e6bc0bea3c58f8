"""The slide lists."""

import os
from pathlib import Path

from hrpn_tf.config import DataConfig
from hrpn_tf.slides.names import slide_name
from hrpn_tf.text import csv_text
from hrpn_tf.workflows.init.links import link_folder
from hrpn_tf.workflows.init.proposal import ProposedList, ProposedSlide
from hrpn_tf.workflows.init.roles import channel_cell

_MOST_UP = 2  # folders; a path that goes further up is written from the root


def list_name(number: int) -> str:
    """Name of a list; the main one is the first.

    >>> list_name(0), list_name(1)
    ('slides.csv', 'slides-2.csv')
    """
    return "slides.csv" if number == 0 else f"slides-{number + 1}.csv"


def list_text(one: ProposedList, out: Path, config: DataConfig) -> str:
    """A slide list as ``hrpn-tf prepare`` and ``predict`` read it.

    Args:
        one: the slides.
        out: folder of the list, which its paths are relative to.
        config: names the roles.
    """
    roles = [role for role in (*config.inputs, config.target) if _is_known(one, role)]
    rows = []
    for slide in one.slides:
        path = slide_path(slide, out)
        named = [] if slide_name(path) == slide.name else [slide.name]
        cells = [channel_cell(slide.info, slide.roles.channels[role], role) for role in roles]
        rows.append([_written(path, out), slide.group, named, *cells])
    with_names = any(row[2] for row in rows)
    heads = ["slide", "group", *(["name"] if with_names else []), *roles]
    flat = [
        [slide, group, *([named[0] if named else ""] if with_names else []), *cells]
        for slide, group, named, *cells in rows
    ]
    return csv_text(heads, flat)


def slide_path(slide: ProposedSlide, out: Path) -> Path:
    """Where the slide is opened: its own path, or the folder with links to its channels."""
    return link_folder(slide, out) if slide.files else slide.info.path


def _is_known(one: ProposedList, role: str) -> bool:
    return all(role in slide.roles.channels for slide in one.slides)


def _written(path: Path, out: Path) -> str:
    """The path from the folder of the list; marked as a path if it begins like something else."""
    whole = os.path.abspath(path)
    text = os.path.relpath(whole, os.path.realpath(out))
    if text.startswith(os.path.join(*[".."] * (_MOST_UP + 1))):
        return whole
    return text if text[0].isalnum() or text.startswith("..") else f"./{text}"
