"""Write the page of a network, and verify one that may have been changed."""

import hashlib
import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hrpn_export.certificate import LIMITS
from hrpn_export.contract import Contract
from hrpn_export.errors import DamagedBundleError, ExportError
from hrpn_export.manifest import GreyLevels
from hrpn_export.paths import files_below, is_regular
from hrpn_export.safety import check_onnx
from hrpn_export.viewer import VIEWER_ASSETS
from hrpn_export.viewer.vendor import RELEASES
from hrpn_export.web import WEB_ASSETS
from hrpn_export.web.files import (
    LICENCES,
    MODEL,
    PACKS,
    SCRIPTS,
    asset,
    pack,
    pack_parts,
    styles,
    unpack,
)

if TYPE_CHECKING:
    import jinja2

INDEX = "index.html"
_ABOUT = re.compile(r'<script type="application/json" id="about">(.*?)</script>', re.S)


@dataclass(frozen=True)
class Example:
    """What every start of the page is checked on.

    Attributes:
        given: (1, H, W, inputs) float32 grey levels.
        expected: (1, H, W, outputs) float32, the prediction of the Keras model.
    """

    given: np.ndarray
    expected: np.ndarray


def write_page(
    folder: Path,
    onnx: Path,
    contract: Contract,
    example: Example,
    *,
    name: str,
    program: str = "hrpn_export",
    roles: Mapping[str, Mapping[str, str]] | None = None,
) -> None:
    """Write the page of a network that is exact in tiles.

    Args:
        folder: to make.
        onnx: float32 network.
        contract: of the network.
        example: an image and its prediction.
        name: of the network.
        program: name and version of the exporting program.
        roles: per input ``name``, the name of its channel, and ``pattern``, a regular expression
            of such names; channels are suggested by them, and users choose.

    Raises:
        ExportError: the network cannot be predicted in exact tiles of its own grey levels.
    """
    refuse_unfit(contract)
    content = onnx.read_bytes()
    about = {
        "name": name,
        "program": program,
        "inputs": contract.inputs,
        "outputs": contract.outputs,
        "pixelSize": contract.pixel_size_um,
        "strideMultiple": contract.stride_multiple,
        "receptiveField": contract.receptive_field,
        "greyMax": contract.grey_max,
        "stored": GreyLevels.of(contract).type,
        "coverage": contract.coverage,
        "limit": (LIMITS["fp32"].grey_levels or 0) * contract.grey_max / 255,
        "example": {"height": example.given.shape[1], "width": example.given.shape[2]},
        "roles": {role: dict(known) for role, known in (roles or {}).items()},
        "model": {"file": onnx.name, "bundle": name, "sha256": hashlib.sha256(content).hexdigest()},
        "versions": {release.package: release.version for release in RELEASES},
    }
    assets = folder / "assets"
    assets.mkdir(parents=True)
    for script in (*SCRIPTS, *LICENCES):
        (assets / script).write_bytes(asset(script))
    for each in PACKS:
        _write_pack(assets, each, pack_parts(each))
    given, expected = (
        np.ascontiguousarray(a, "<f4").tobytes() for a in (example.given, example.expected)
    )
    _write_pack(assets, MODEL, {"onnx": content, "given": given, "expected": expected})
    (folder / INDEX).write_text(render(about), encoding="utf-8")


def refuse_unfit(contract: Contract) -> None:
    """Refuse a network that a page cannot predict as ``hrpn-tf predict`` does.

    Raises:
        ExportError: says why.
    """
    if contract.receptive_field is None or not contract.tile_exact:
        raise ExportError("its output depends on the tile, and a web page has exact tiles only")
    if contract.reference_levels is not None:
        raise ExportError(
            "its inputs are normalised by levels of the whole slide, which a web page does not find"
        )


def render(about: Mapping[str, Any]) -> str:
    """The text of ``index.html``."""
    facts = [
        ("inputs", ", ".join(about["inputs"])),
        ("outputs", ", ".join(about["outputs"])),
        ("pixel size, µm", about["pixelSize"] or "any"),
        ("receptive field, px", about["receptiveField"]),
        ("largest grey level", about["greyMax"]),
        ("SHA-256 of the network", about["model"]["sha256"]),
        *((f"{package}", version) for package, version in about["versions"].items()),
    ]
    from markupsafe import Markup

    style = Markup(styles())  # ours, never a user's
    return _template().render(about=about, facts=facts, style=style, scripts=SCRIPTS)


def read_about(folder: Path) -> dict[str, Any]:
    """What a page says of its network; the file is not trusted.

    Raises:
        DamagedBundleError: the page says nothing that can be read.
    """
    path = folder / INDEX
    if not is_regular(path) or path.stat().st_size > 2**24:
        raise DamagedBundleError(f"{path}: no page")
    found = _ABOUT.search(path.read_text(encoding="utf-8", errors="replace"))
    try:
        about = json.loads(html.unescape(found[1]) if found else "")
    except (ValueError, RecursionError):
        about = None
    if not isinstance(about, dict):
        raise DamagedBundleError(f"{path}: no page of a network")
    return about


def check_page(folder: Path) -> None:
    """Refuse a page whose scripts are not those of this package, or whose network does more.

    Raises:
        DamagedBundleError: says what differs.
    """
    names = {INDEX, *(f"assets/{name}" for name in (*SCRIPTS, *LICENCES))}
    packs = {f"assets/{name}.js" for name in (*PACKS, MODEL)}
    found = set(files_below(folder))
    if found != names | packs or not all(is_regular(folder / name) for name in found):
        odd = sorted(found ^ (names | packs)) or ["a link"]
        raise DamagedBundleError(f"{folder}: no page of this version: {', '.join(odd[:3])}")
    text = (folder / INDEX).read_text(encoding="utf-8", errors="replace")
    try:
        same = render(read_about(folder)) == text
    except (KeyError, TypeError, ValueError):
        same = False
    if not same:
        raise _other(folder / INDEX)
    for name in (*SCRIPTS, *LICENCES):
        if (folder / "assets" / name).read_bytes() != asset(name):
            raise _other(folder / "assets" / name)
    for name in PACKS:
        path = folder / "assets" / f"{name}.js"
        if unpack(path) != pack_parts(name):
            raise _other(path)
    path = folder / "assets" / f"{MODEL}.js"
    parts = unpack(path)
    if parts.keys() != {"onnx", "given", "expected"}:
        raise DamagedBundleError(f"{path}: no network of a page")
    check_onnx(path, parts["onnx"])


def _other(path: Path) -> DamagedBundleError:
    return DamagedBundleError(f"{path}: is not the file of this version of hrpn-tf; export again")


def _write_pack(assets: Path, name: str, parts: Mapping[str, bytes]) -> None:
    (assets / f"{name}.js").write_text(pack(name, parts), encoding="ascii")


@cache
def _template() -> "jinja2.Template":
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([WEB_ASSETS, VIEWER_ASSETS]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}
    return environment.get_template(INDEX)
