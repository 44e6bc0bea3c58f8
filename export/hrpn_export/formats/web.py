"""A web page: the ONNX file with all that a browser needs to predict slides with it."""

from pathlib import Path

import numpy as np

from hrpn_export.contract import Contract
from hrpn_export.errors import ExportError
from hrpn_export.formats.table import Source
from hrpn_export.manifest import Artefact
from hrpn_export.snippets import section_of
from hrpn_export.web.page import INDEX, Example, refuse_unfit, write_page

_SIDE = 96  # of the example, px


def export(source: Source, precision: str, folder: Path) -> Path:
    """Write the folder ``page`` with ``index.html``.

    The options ``name``, ``program`` and ``roles`` are those of ``write_page``.

    Raises:
        ExportError: the network cannot be predicted in exact tiles of its own grey levels.
    """
    refuse_unfit(source.contract)
    onnx = source.made.get(("onnx", precision))
    if onnx is None:
        raise ExportError(f"is made from onnx {precision}, which is not there")
    path = folder / "page"
    options = dict(source.options)
    options.setdefault("name", source.model.name)
    write_page(path, onnx, source.contract, _example(source), **options)
    return path


def section(folder: Path, artefact: Artefact, contract: Contract) -> str:
    """The section of a bundle's README on the page."""
    body = (
        f"Open `{artefact.path}/{INDEX}` in Chrome, Edge, Firefox or Safari, from the disk or from "
        "any web server, and drop an OME-TIFF on it. The slide is predicted in the browser; its "
        "pixels never leave the machine. Copy the whole folder, not the page alone."
    )
    return section_of("Web page", artefact, "a browser", body)


def _example(source: Source) -> Example:
    """Random pixels, the same each time, and what the Keras model makes of them."""
    from hrpn_export.measure import ReferenceSession

    contract = source.contract
    side = -(-_SIDE // contract.stride_multiple) * contract.stride_multiple
    pixels = np.random.default_rng(0).random((1, side, side, len(contract.inputs)))
    given = np.floor(pixels * contract.grey_max).astype(np.float32)
    return Example(given, ReferenceSession(source.model, contract)(given))
