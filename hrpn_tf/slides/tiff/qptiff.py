"""PerkinElmer (Akoya) QPTIFF: one page per channel and level, each with an XML of its own.

Also the component images of inForm, which are the same without smaller levels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from hrpn_tf.errors import ChannelSizeError, RgbSlideError, SlideFormatError
from hrpn_tf.slides import levels, metadata
from hrpn_tf.slides.accepted import read_dtype, refuse_stacks
from hrpn_tf.slides.levels import Levels
from hrpn_tf.slides.planes import SegmentCache, StoredPlane, read_bytes
from hrpn_tf.slides.slide import SlideInfo
from hrpn_tf.slides.tiff import layout
from hrpn_tf.slides.tiff.ome_xml import MAX_TAGS, MAX_XML, children, parse_xml

_ROOT = "PerkinElmer-QPI-ImageDescription"
_TEXT_TYPES = (1, 2, 7)  # BYTE, ASCII, UNDEFINED
_FULL, _REDUCED = "FullResolution", "ReducedResolution"


@dataclass(frozen=True)
class _Page:
    """A tifffile page, and the root of its XML, if it has one."""

    page: Any
    xml: Element | None

    @property
    def kind(self) -> str:
        """``ImageType``: FullResolution, ReducedResolution, Thumbnail, Overview, Label or none."""
        return self.text("ImageType")

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width), px."""
        return int(self.page.imagelength), int(self.page.imagewidth)

    def text(self, tag: str) -> str:
        """Text of an element, without spaces around; "" if there is none."""
        found = [] if self.xml is None else children(self.xml, tag)
        return (found[0].text or "").strip() if found else ""


def is_qptiff(tif: Any) -> bool:
    """Whether an open tifffile.TiffFile is a QPTIFF."""
    return bool(tif.is_qpi) or f"<{_ROOT}" in str(tif.pages.first.description)


def describe(tif: Any, path: Path, cache: SegmentCache) -> tuple[SlideInfo, Levels]:
    """What the slide is, and its planes by level and channel.

    Args:
        tif: an open tifffile.TiffFile, a QPTIFF.
        path: its path.
        cache: for strips and tiles.

    Raises:
        RgbSlideError: a brightfield scan.
        SlideFormatError: malformed.
    """
    pages = _pages(tif, path)
    full = _full(pages, path)
    first = full[0].page
    dtype = read_dtype(first, path)
    stored = [full, *_reduced(pages, full)]
    planes = tuple(_planes(level, tif, path, cache) for level in stored)
    info = levels.describe(
        path,
        planes,
        channels=_names(full),
        dtype=dtype,
        pixel_size_um=metadata.tag_pixel_size(path, first.tags) or _stated_size(full[0]),
        position_um=metadata.tag_position(first.tags),
        format="QPTIFF",
    )
    return info, planes


def _pages(tif: Any, path: Path) -> list[_Page]:
    """All pages, whose XML is held at the same time."""
    pages, held = [], 0
    for page in tif.pages:
        xml = _xml(tif, page, path)
        held += 0 if xml is None else sum(1 + len(element.attrib) for element in xml.iter())
        if held > MAX_TAGS:
            raise SlideFormatError(
                f"{path}: its XML has more than {MAX_TAGS} tags, more than any slide has"
            )
        pages.append(_Page(page, xml))
    return pages


def _xml(tif: Any, page: Any, path: Path) -> Element | None:
    """The XML of a page, which some programs store as UTF-16; None for any other description."""
    tag = page.tags.get(270)
    if tag is None or int(tag.dtype) not in _TEXT_TYPES or tag.count > MAX_XML:
        return None
    # tifffile takes text for UTF-8 or one byte per character
    stored = read_bytes(path, tif.filehandle.fileno(), tag.valueoffset, tag.count)
    encoding = "utf-16" if stored[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    text = stored.decode(encoding, errors="replace").strip("\0 \t\r\n")
    return parse_xml(text, path) if f"<{_ROOT}" in text else None


def _full(pages: Sequence[_Page], path: Path) -> list[_Page]:
    """The pages of the channels at full size, in order."""
    full = [page for page in pages if page.kind == _FULL]
    # an older file may not say; its channels are the pages like the first one
    full = full or [page for page in pages if not page.kind and page.shape == pages[0].shape]
    if not full:
        raise SlideFormatError(f"{path}: malformed QPTIFF: no page of it is an image at full size")
    if any(page.page.samplesperpixel > 1 for page in full):
        raise RgbSlideError(
            f"{path}: is a brightfield QPTIFF, an RGB picture, where separate fluorescence "
            "channels are wanted; scan it in fluorescence mode"
        )
    for page in full:
        layout.refuse_rgb(page.page, False, path)
    if len({(page.shape, page.page.dtype) for page in full}) > 1:
        raise ChannelSizeError(f"{path}: its channels differ in size or type")
    refuse_stacks({"C": len(full)} if len(full) > 1 else {}, path)
    return full


def _reduced(pages: Sequence[_Page], full: Sequence[_Page]) -> list[list[_Page]]:
    """The smaller levels, larger ones first: as many pages of one size as there are channels."""
    by_shape: dict[tuple[int, int], list[_Page]] = {}
    for page in pages:
        alike = page.page.samplesperpixel == 1 and page.page.dtype == full[0].page.dtype
        alike = alike and page.page.photometric == full[0].page.photometric
        if alike and page.kind in (_REDUCED, "") and levels.reduces(full[0].shape, page.shape):
            by_shape.setdefault(page.shape, []).append(page)
    whole = [level for level in by_shape.values() if len(level) == len(full)]
    return sorted(whole, key=lambda level: level[0].shape, reverse=True)


def _planes(
    level: Sequence[_Page], tif: Any, path: Path, cache: SegmentCache
) -> tuple[StoredPlane, ...]:
    descriptor = tif.filehandle.fileno()
    planes = tuple(layout.page_plane(page.page, path, descriptor, cache) for page in level)
    layout.refuse_truncated(planes, tif.filehandle.size, path)
    return planes


def _names(full: Sequence[_Page]) -> tuple[str, ...] | None:
    """What is stained (Biomarker), else the name of the filter or dye, else the index."""
    names = [page.text("Biomarker") or page.text("Name") for page in full]
    if len(set(names)) < len(names):
        names = [page.text("Name") for page in full]
    return tuple(name or str(index) for index, name in enumerate(names)) if any(names) else None


def _stated_size(page: _Page) -> float | None:
    """``PixelSizeMicrons``, wherever in the XML it is."""
    for element in [] if page.xml is None else page.xml.iter("PixelSizeMicrons"):
        try:
            return metadata.to_um(float(element.text or ""), "um")
        except ValueError:
            return None
    return None
