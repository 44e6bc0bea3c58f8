"""The contact sheet as a page, complete in one file."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from markupsafe import Markup

from hrpn_tf._version import __version__
from hrpn_tf.config import Config
from hrpn_tf.evaluation.report.pages import render
from hrpn_tf.files import atomic_path
from hrpn_tf.workflows.init.lists import list_name
from hrpn_tf.workflows.init.look import Look
from hrpn_tf.workflows.init.proposal import Proposal, ProposedSlide
from hrpn_tf.workflows.init.sheet import picture
from hrpn_tf.workflows.inspect.thumbnail import Panel, grey_picture

_SIDE, _SMALL = 360, 132  # px
_QUALITY = 82  # of the JPEG


def write_page(
    path: Path,
    proposal: Proposal,
    looks: Mapping[str, Look],
    config: Config,
    folder: Path,
    doubts: Sequence[str],
    overwrite: bool,
) -> None:
    """Write the page: what is in doubt, then every slide with its channels, outline and doubts.

    Raises:
        OutputExistsError: ``path`` exists and ``overwrite`` is false.
    """
    lists = {
        slide.name: list_name(number)
        for number, one in enumerate(proposal.lists)
        for slide in one.slides
    }
    data = config.data
    outline = data.tissue.method != "all"
    html = render(
        "contact_sheet.html",
        title=f"Slides in {folder}",
        lead=_lead(proposal, config),
        headline=_headline(proposal, config),
        doubts=doubts,
        lists=[
            {"name": list_name(n), "slides": len(one.slides), "what": one.in_words(data.target)}
            for n, one in enumerate(proposal.lists)
        ],
        slides=[
            _slide(slide, looks.get(slide.name), lists.get(slide.name), outline)
            for slide in proposal.slides
        ],
        unread=[{"path": str(u.path), "reason": u.reason} for u in proposal.found.unread],
        aside=[{"path": str(u.path), "reason": u.reason} for u in proposal.found.aside],
        outline=outline,
        version=__version__,
    )
    with atomic_path(path, overwrite) as temporary:
        temporary.write_text(html, encoding="utf-8")


def _lead(proposal: Proposal, config: Config) -> str:
    return (
        f"A proposal. Groups by {proposal.grouping}; tissue by the method "
        f"{config.data.tissue.method}. Check what is in doubt, correct slides.csv and hrpn.yaml, "
        "and go on with hrpn-tf prepare slides.csv --config hrpn.yaml --out patches."
    )


def _headline(proposal: Proposal, config: Config) -> list[dict[str, str]]:
    listed = [slide for one in proposal.lists for slide in one.slides]
    sizes = sorted({f"{s.pixel_size_um:.3g}" for s in listed if s.pixel_size_um is not None})
    shown = ", ".join(sizes[:3]) + (", …" if len(sizes) > 3 else "")
    return [
        {"value": str(len(proposal.slides)), "name": "slides"},
        {"value": str(len(listed)), "name": "listed"},
        {"value": str(len({slide.group for slide in listed})), "name": "groups"},
        {"value": shown or "?", "name": "µm/px"},
        {"value": str(config.data.patch), "name": "px, side of a patch"},
        {"value": str(len(proposal.found.unread)), "name": "not read"},
    ]


def _slide(
    slide: ProposedSlide, look: Look | None, in_list: str | None, outline: bool
) -> dict[str, Any]:
    info, roles = slide.info, slide.roles.channels
    whole = None if look is None else picture(look, tuple(roles), _SIDE, outline)
    size = "not stated" if slide.pixel_size_um is None else f"{slide.pixel_size_um:.4g} µm/px"
    by_index = {index: role for role, index in roles.items()}
    return {
        "name": slide.name,
        "path": str(info.path),
        "group": slide.group,
        "list": in_list,
        "left_out": slide.left_out,
        "doubts": [*slide.doubts, *([look.problem] if look and look.problem else [])],
        "within": look is not None and look.within_tissue,
        "image": None if whole is None else _jpeg(whole),
        "size": f"{info.height} × {info.width} px (height × width), {info.dtype.name}, {size}",
        "channels": [
            {
                "name": name,
                "role": by_index.get(index),
                "image": _small(look, by_index.get(index), name),
            }
            for index, name in enumerate(info.channels[:12])
        ],
        "more": max(0, len(info.channels) - 12),
    }


def _small(look: Look | None, role: str | None, name: str) -> str | None:
    """Small grey picture of one channel."""
    image = None if look is None else look.pictures.get(role or name)
    if image is None:
        return None
    scale = _SMALL / max(image.shape)
    h, w = (max(1, round(side * scale)) for side in image.shape)
    grey = grey_picture(Panel(name, role, image), h, w)
    return _jpeg(np.repeat(grey[..., None], 3, axis=-1))


def _jpeg(image: np.ndarray) -> Markup:
    """An image (h, w, 3) from 0 to 1 as a URL that holds it."""
    pixels = (np.clip(image, 0, 1) * 255).round().astype(np.uint8)[..., ::-1]
    done, encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    assert done
    # marked as safe, since looking for control characters in it takes longer than making it
    return Markup("data:image/jpeg;base64,") + base64.b64encode(encoded.tobytes()).decode("ascii")
