"""What ``hrpn-tf init`` prints."""

import os
from pathlib import Path

from hrpn_tf.text import in_shell, printable
from hrpn_tf.workflows.init.init import InitFiles


def as_text(files: InitFiles) -> str:
    """Facts, written files and the commands to go on with."""
    proposal, main = files.proposal, files.proposal.lists[0]
    listed = [slide for one in proposal.lists for slide in one.slides]
    groups = {slide.group for slide in listed}
    size = "not stated" if main.pixel_size_um is None else f"{main.pixel_size_um:g} um/px"
    facts = [
        ("slides", f"{len(listed)} of {len(proposal.slides) + len(proposal.found.unread)} images"),
        ("groups", f"{len(groups)}, by {proposal.grouping}"),
        ("pixel size", size),
        ("tissue", files.tissue),
        ("patch", f"{files.patch} px"),
        ("slide list", ", ".join(map(_shown, files.lists))),
        ("settings", _shown(files.config)),
        ("look at", f"{_shown(files.page)}, {_shown(files.sheet)}"),
    ]
    lines = [f"{name:12}{text}" for name, text in facts]
    first, config = _relative(files.lists[0]), _relative(files.config)
    if main.has_target:
        lines.append(
            f"\nhrpn-tf prepare {in_shell(first)} --config {in_shell(config)} --out patches"
        )
    else:
        lines.append(f"\nhrpn-tf predict {in_shell(first)} --run RUN")
    return "\n".join(lines)


def _shown(path: Path) -> str:
    return printable(_relative(path))


def _relative(path: Path) -> Path:
    return Path(os.path.relpath(path)) if not path.is_absolute() else path
