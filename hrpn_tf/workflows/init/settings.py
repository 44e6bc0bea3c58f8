"""Proposes tissue method and patch size, and writes them as a commented configuration."""

from collections.abc import Sequence

from hrpn_tf.config import Config, DataConfig
from hrpn_tf.config.commented import commented_yaml
from hrpn_tf.text import printable
from hrpn_tf.workflows.init.look import Look
from hrpn_tf.workflows.init.proposal import ProposedList, ProposedSlide
from hrpn_tf.workflows.init.roles import channel_cell

PATCHES = (512, 384, 256, 192, 128, 96, 64)
_ENOUGH = 8  # patches of a slide without overlap
_REMARKS = 20  # in the configuration
_FITTING = 0.9  # of the slides that must hold a patch


def propose_patch(slides: Sequence[ProposedSlide]) -> int:
    """Side of a patch, px: the largest of which most slides hold eight, or else one.

    Smaller slides do not count if they are fewer than one in ten.
    """
    sizes = sorted(min(slide.info.height, slide.info.width) for slide in slides)
    if not sizes:
        return PATCHES[0]
    smallest = sizes[int(len(sizes) * (1 - _FITTING))]
    fitting = [patch for patch in PATCHES if patch <= smallest] or [PATCHES[-1]]
    for patch in fitting:
        counts = sorted((s.info.height // patch) * (s.info.width // patch) for s in slides)
        if counts[len(counts) // 2] >= _ENOUGH:
            return patch
    # of small slides, the patch that still has neighbours counts more than their number
    return next((patch for patch in fitting if 2 * patch <= smallest), fitting[-1])


def propose_tissue(looks: Sequence[Look]) -> tuple[str, str]:
    """Tissue method, and what in it is in doubt; empty if nothing is."""
    seen = [look.within_tissue for look in looks if look.tissue is not None]
    within = sum(seen)
    if not seen:
        return "otsu", "no slide could be looked at; otsu needs background in the slides"
    method = "all" if within * 2 > len(seen) else "otsu"
    if within in (0, len(seen)):
        return method, ""
    return method, (
        f"{within} of {len(seen)} slides look like fields of view within tissue, the others have "
        f"background; {method} is proposed"
    )


def proposed_config(config: Config, main: ProposedList | None, patch: int, method: str) -> Config:
    """The configuration with what is proposed for the slides of a list."""
    data = config.data
    slides = main.slides if main else ()
    changes = {
        "channels": {**_common_channels(slides, data), **data.channels},
        "patch": patch,
        "stride": patch,
        "tissue": data.tissue.model_copy(update={"method": method}),
    }
    return config.model_copy(update={"data": data.model_copy(update=changes)})


def as_yaml(config: Config, remarks: Sequence[str]) -> str:
    """The section ``data`` with a comment on every key, and what is in doubt above it."""
    head, blank, rest = commented_yaml(config, "data", "the images by hrpn-tf init").partition(
        "\n\n"
    )
    shown = list(remarks[:_REMARKS])
    if len(remarks) > len(shown):
        shown.append(f"... and {len(remarks) - len(shown)} more; see the contact sheet")
    lines = [f"# - {printable(remark, 400)}" for remark in shown]
    about = ["#", "# In doubt:", *lines] if lines else []
    note = "# Other sections take their defaults; hrpn-tf config prints them all."
    return "\n".join([head, note, *about]) + blank + rest


def _common_channels(slides: Sequence[ProposedSlide], data: DataConfig) -> dict[str, str | int]:
    """Channels that are called the same in all slides, by role."""
    found: dict[str, str | int] = {}
    for role in (*data.inputs, data.target):
        cells = {
            channel_cell(slide.info, slide.roles.channels[role], role)
            for slide in slides
            if role in slide.roles.channels
        }
        if len(cells) == 1:
            cell = cells.pop()
            found[role] = int(cell) if cell.isascii() and cell.isdecimal() else cell
    return found
