"""OME-XML: read it without trusting it, and write it."""

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import defusedxml.ElementTree
import numpy as np

from hrpn_tf._version import __version__
from hrpn_tf.errors import SlideFormatError, UsageError
from hrpn_tf.slides.description import SlideDescription

SCHEMA = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
PROVENANCE = "hrpn-tf/provenance"
_TYPES = {"uint8": "uint8", "uint16": "uint16", "float32": "float"}
# Far more than any real slide has; tifffile takes memory for as many planes as the XML claims.
_MAX_PLANES = 65_536
MAX_XML = 64 * 2**20
# Each takes a hundred times the memory of the bytes that it needs in the text.
MAX_TAGS = 1_000_000
_MAX_ATTRIBUTES = 4_000_000
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def parse(text: str | bytes, path: Path) -> Element:
    """The root of an OME-XML text, or of what passes for it.

    Raises:
        SlideFormatError: not well-formed, declares entities (which can be made to fill the
            memory), or claims an absurd number of planes.
    """
    root = parse_xml(text, path)
    _refuse_absurd(root, path)
    return root


def parse_xml(text: str | bytes, path: Path) -> Element:
    """The root of any XML that a file holds.

    Raises:
        SlideFormatError: absurdly long, not well-formed, or declares entities.
    """
    if len(text) > MAX_XML:
        raise SlideFormatError(
            f"{path}: its XML is of {len(text)} characters, more than any slide has"
        )
    signs = ("<", "=") if isinstance(text, str) else (b"<", b"=")
    for sign, most in zip(signs, (MAX_TAGS, _MAX_ATTRIBUTES), strict=True):
        if text.count(sign) > most:  # type: ignore[arg-type]
            raise SlideFormatError(
                f"{path}: its XML has more than {most} tags, more than any slide has"
            )
    try:
        root: Element = defusedxml.ElementTree.fromstring(text, forbid_dtd=True)
    except (ElementTree.ParseError, defusedxml.DefusedXmlException, ValueError) as error:
        raise SlideFormatError(f"{path}: malformed OME-XML ({type(error).__name__})") from error
    return root


def refuse_many_planes(root: Element, path: Path) -> None:
    """Refuse an OME-XML that claims more planes in all than one file can hold.

    Raises:
        SlideFormatError: it does; tifffile takes time and memory for each.
    """
    claimed = 0
    for pixels in root.iter():
        if tag_of(pixels) != "Pixels":
            continue
        planes = math.prod(max(1, int(pixels.get(f"Size{axis}", "1"))) for axis in "CZT")
        claimed += planes
        for data in children(pixels, "TiffData"):
            stated = data.get("PlaneCount") or data.get("NumPlanes")
            claimed += int(stated) if stated else 1 if "IFD" in data.attrib else planes
    if claimed > _MAX_PLANES:
        raise SlideFormatError(
            f"{path}: its OME-XML claims {claimed} planes in all; save the channels of one plane "
            "as a file of their own"
        )


def provenance(root: Element) -> dict[str, Any]:
    """What :func:`build` was given as provenance; empty if the XML holds none."""
    for annotation in root.iter(f"{{{SCHEMA}}}MapAnnotation"):
        if annotation.get("Namespace") == PROVENANCE:
            entries = annotation.iter(f"{{{SCHEMA}}}M")
            return {entry.get("K", ""): json.loads(entry.text or "null") for entry in entries}
    return {}


def build(description: SlideDescription) -> bytes:
    """The OME-XML of a slide whose channels are the pages of one file, in order.

    Holds no date and no random identifier: the same slide gives the same bytes. The position is
    that of each plane's first corner, as ``PositionX`` and ``PositionY``.

    Raises:
        UsageError: a name or key holds characters that XML cannot store, or a value is not JSON.
    """
    ElementTree.register_namespace("", SCHEMA)
    root = Element(f"{{{SCHEMA}}}OME", Creator=f"hrpn-tf {__version__}")
    image = _add(root, "Image", ID="Image:0")
    attributes = {
        "ID": "Pixels:0",
        "DimensionOrder": "XYCZT",
        "Type": _TYPES[np.dtype(description.dtype).name],
        "SizeX": str(description.width),
        "SizeY": str(description.height),
        "SizeC": str(len(description.channels)),
        "SizeZ": "1",
        "SizeT": "1",
        "BigEndian": "false",
        "Interleaved": "false",
    }
    if description.pixel_size_um is not None:
        for axis in "XY":
            attributes[f"PhysicalSize{axis}"] = repr(float(description.pixel_size_um))
            attributes[f"PhysicalSize{axis}Unit"] = "µm"
    pixels = _add(image, "Pixels", **attributes)
    for index, name in enumerate(description.channels):
        colour = {}
        if description.display is not None:
            colour["Color"] = str(_colour(description.display[index].colour))
        own = {"ID": f"Channel:0:{index}", "SamplesPerPixel": "1", "Name": _text(name)}
        _add(pixels, "Channel", **own, **colour)
    for index in range(len(description.channels)):
        _add(pixels, "TiffData", IFD=str(index), FirstC=str(index), PlaneCount="1")
    if description.position_um is not None:
        _add_position(pixels, len(description.channels), description.position_um)
    if description.provenance:
        _add(image, "AnnotationRef", ID="Annotation:0")
        _add_provenance(root, description.provenance)
    xml: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return xml


def _colour(rgb: str) -> int:
    """A colour as OME-XML writes it: red, green, blue and opacity as a signed number of 32 bits."""
    value = int(f"{rgb}FF", 16)
    return value - 2**32 if value >= 2**31 else value


def _add_position(pixels: Element, channels: int, position_um: tuple[float, float]) -> None:
    y, x = position_um
    position = {"PositionX": repr(float(x)), "PositionY": repr(float(y))}
    units = {"PositionXUnit": "µm", "PositionYUnit": "µm"}
    for index in range(channels):
        _add(pixels, "Plane", TheZ="0", TheT="0", TheC=str(index), **position, **units)


def _add_provenance(root: Element, values: Mapping[str, Any]) -> None:
    annotations = _add(root, "StructuredAnnotations")
    annotation = _add(annotations, "MapAnnotation", ID="Annotation:0", Namespace=PROVENANCE)
    entries = _add(annotation, "Value")
    for key, value in values.items():
        _add(entries, "M", K=_text(key)).text = json.dumps(value, allow_nan=False)


def _add(parent: Element, tag: str, **attributes: str) -> Element:
    return SubElement(parent, f"{{{SCHEMA}}}{tag}", attributes)


def _text(text: str) -> str:
    if _NOT_XML.search(text):
        raise UsageError(f"{text!r} holds characters that a file cannot store; use another name")
    return text


def _refuse_absurd(root: Element, path: Path) -> None:
    for element in root.iter():
        planes = 1
        for key in ("SizeC", "SizeZ", "SizeT", "PlaneCount", "NumPlanes"):
            try:
                planes *= max(1, int(element.get(key, "1")))
            except ValueError:
                planes = _MAX_PLANES + 1
        if planes > _MAX_PLANES or tag_of(element).startswith("ModuloAlong"):
            raise SlideFormatError(
                f"{path}: its OME-XML claims planes that are no set of channels "
                f"(in <{tag_of(element)}>); save the channels of one plane as a file of their own"
            )


def children(parent: Element, tag: str) -> list[Element]:
    """The elements right below one, by their tag without its namespace."""
    return [child for child in parent if tag_of(child) == tag]


def tag_of(element: Element) -> str:
    """Tag without its namespace: files of every OME schema are read."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""
