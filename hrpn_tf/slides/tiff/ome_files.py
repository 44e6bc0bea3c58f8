"""OME-TIFF spread over several files: which plane is where, and the slide they make."""

import re
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from tifffile import TiffFileError

from hrpn_tf.errors import ChannelSizeError, SlideFormatError
from hrpn_tf.slides import levels
from hrpn_tf.slides.accepted import read_dtype, refuse_stacks
from hrpn_tf.slides.depth import chosen_depth, combine, indices, without_depth
from hrpn_tf.slides.levels import Levels
from hrpn_tf.slides.planes import SegmentCache, StoredPlane
from hrpn_tf.slides.slide import SlideInfo
from hrpn_tf.slides.tiff import layout, ome_image
from hrpn_tf.slides.tiff.ome_image import OmeImage
from hrpn_tf.slides.tiff.ome_xml import MAX_XML, children, parse, tag_of
from hrpn_tf.slides.tiff.opening import open_tiff, sibling

_METADATA_SUFFIXES = (".ome", ".ome.xml")
# Each is looked up in its file; a slide names each channel once.
_MAX_NAMED = 8192
_UUID = re.compile(r"<(?:\w+:)?OME\b[^>]*?\bUUID\s*=\s*[\"']([^\"']+)[\"']")


@dataclass(frozen=True)
class _Part:
    """What one ``TiffData`` says: from plane ``first`` on, pages of a file from ``ifd`` on.

    ``count`` is None for "as many as the file has"; ``uuid`` is None where none is stated.
    """

    file: Path
    uuid: str | None
    ifd: int
    first: int
    count: int | None


def is_metadata_file(path: Path) -> bool:
    """Whether a file is the OME-XML that accompanies TIFF files, by its name."""
    return path.name.lower().endswith(_METADATA_SUFFIXES) and path.is_file()


def names_other_files(root: Element, path: Path) -> bool:
    """Whether the OME-XML in a TIFF says that planes, or the description, are in other files."""
    own = root.get("UUID")
    if children(root, "BinaryOnly"):
        return True
    return any(
        element.text != own if own is not None else not _same(path, element)
        for element in root.iter()
        if tag_of(element) == "UUID" and tag_of(root) == "OME"
    )


def describe(
    root: Element, path: Path, cache: SegmentCache, stack: ExitStack
) -> tuple[SlideInfo, Levels]:
    """The slide that a file is a part of, and its planes by level and channel.

    Args:
        root: of the OME-XML in ``path``.
        path: a TIFF, or an OME-XML file.
        cache: for strips and tiles.
        stack: takes the files that are opened.

    Raises:
        SlideFormatError: a part is missing, is no plain name in the same folder, or holds other
            pages than the XML says; depth or time.
        ChannelSizeError: planes that differ in size or type.
    """
    known = {root.get("UUID"): path}
    master, file = _master(root, path)
    known[master.get("UUID")] = file
    known.pop(None, None)
    image = _choose(ome_image.images(master), known, file, path)
    sizes = {axis: image.size(axis) for axis in "CZT" if image.size(axis) != 1}
    refuse_stacks(without_depth(sizes, path), path)
    count, planes_in_depth = sizes.get("C", 1), sizes.get("Z", 1)
    parts = _parts(image, known, file)
    stored, descriptors = _pages(parts, count * planes_in_depth, path, stack, known)
    depth = chosen_depth(planes_in_depth, path)
    wanted = [
        [stored[image.plane_at(c, z)] for z in indices(depth, planes_in_depth)]
        for c in range(count)
    ]
    pages = [page for channel in wanted for page in channel]
    names = ome_image.channel_names(image, count)
    _refuse_unfit([page for _, page in pages], image, names is not None, path)
    every = _levels(pages, descriptors, cache)
    each = len(wanted[0])
    planes = tuple(
        tuple(combine(level[i : i + each], depth) for i in range(0, len(level), each))
        for level in every
    )
    info = levels.describe(
        path,
        planes,
        channels=names,
        dtype=read_dtype(pages[0][1], path),
        pixel_size_um=ome_image.pixel_size(image, path),
        position_um=ome_image.position(image),
        format="OME-TIFF",
        files=tuple(dict.fromkeys([path, file, *(part for part, _ in pages)])),
        stack=planes_in_depth,
    )
    return info, planes


def read_xml(path: Path) -> bytes | str:
    """The OME-XML of a metadata file or of the first page of a TIFF.

    Raises:
        SlideFormatError: absurdly long.
    """
    if not is_metadata_file(path):
        with open_tiff(path) as tif:
            return str(tif.pages.first.description)
    with path.open("rb") as stream:
        text = stream.read(MAX_XML + 1)  # one more, so that parse refuses it
    return text


def _master(root: Element, path: Path) -> tuple[Element, Path]:
    """The OME-XML that describes the whole slide, and its file; a part may only name it."""
    pointers = children(root, "BinaryOnly")
    if not pointers:
        return root, path
    file = sibling(path, pointers[0].get("MetadataFile", ""), "its OME-XML")
    _refuse_missing(file, path)
    master = parse(read_xml(file), file)
    if children(master, "BinaryOnly"):
        raise SlideFormatError(
            f"{file}: malformed: {path.name} names it as the slide's description"
        )
    return master, file


def _choose(
    found: Sequence[OmeImage], known: dict[str | None, Path], file: Path, path: Path
) -> OmeImage:
    """The largest image; of those that have planes in the file that was opened, if there are."""
    stored = [image for image in found if children(image.pixels, "TiffData")]
    own = [image for image in stored if any(p.file == path for p in _parts(image, known, file))]
    areas = [image.size("Y") * image.size("X") for image in own or stored]
    if not areas:
        raise SlideFormatError(f"{path}: its OME-XML names no plane in a TIFF file")
    if max(areas) < 1:
        raise SlideFormatError(f"{path}: its OME-XML says that it is of 0 px")
    if areas.count(max(areas)) > 1:
        raise SlideFormatError(
            f"{path}: holds {areas.count(max(areas))} images of equal size that are not channels "
            "of one slide; open one of the TIFF files, or save each image as a file of its own"
        )
    return (own or stored)[areas.index(max(areas))]


def _parts(image: OmeImage, known: dict[str | None, Path], file: Path) -> list[_Part]:
    return [_part(data, known, file, image) for data in children(image.pixels, "TiffData")]


def _part(data: Element, known: dict[str | None, Path], file: Path, image: OmeImage) -> _Part:
    names = children(data, "UUID")
    uuid = names[0].text if names else None
    if not names:
        part = file
    elif uuid in known:
        part = known[uuid]
    else:
        name = names[0].get("FileName", "")
        part = file if _same(file, names[0]) else sibling(file, name, "its OME-XML")
    stated = (
        data.get("PlaneCount") or data.get("NumPlanes") or ("1" if "IFD" in data.attrib else None)
    )
    return _Part(
        file=part,
        uuid=uuid,
        ifd=int(data.get("IFD", "0")),
        first=image.plane_at(int(data.get("FirstC", "0")), int(data.get("FirstZ", "0"))),
        count=None if stated is None else int(stated),
    )


def _same(path: Path, uuid: Element) -> bool:
    return path.name.casefold() == uuid.get("FileName", "").casefold()


def _refuse_missing(part: Path, path: Path) -> None:
    if not part.is_file():
        raise SlideFormatError(
            f"{path}: its part {part.name!r} is missing; keep all files of the slide in one folder"
        )


def _pages(
    parts: Sequence[_Part], count: int, path: Path, stack: ExitStack, known: dict[str | None, Path]
) -> tuple[list[tuple[Path, Any]], dict[Path, Any]]:
    """The (file, tifffile page) of each plane in the order of the XML, and the open files."""
    named = sum(count if part.count is None else min(part.count, count) for part in parts)
    if named > _MAX_NAMED:
        raise SlideFormatError(f"{path}: its OME-XML names {named} pages for {count} planes")
    opened: dict[Path, Any] = {}
    found: dict[int, tuple[Path, Any]] = {}
    for part in parts:
        if part.file not in opened:
            opened[part.file] = _open(part, path, stack, known)
        held = opened[part.file].pages
        for index in range(len(held) if part.count is None else min(part.count, count)):
            if not 0 <= part.first + index < count:
                continue
            if not 0 <= part.ifd + index < len(held):
                raise SlideFormatError(
                    f"{path}: its part {part.file.name!r} has {len(held)} pages, where page "
                    f"{part.ifd + index} is wanted; copy the slide's files again"
                )
            found[part.first + index] = (part.file, held[part.ifd + index])
    missing = [str(index) for index in range(count) if index not in found]
    if missing:
        raise SlideFormatError(
            f"{path}: its OME-XML does not say where these planes are: {', '.join(missing[:9])}"
        )
    return [found[index] for index in range(count)], opened


def _open(part: _Part, path: Path, stack: ExitStack, known: dict[str | None, Path]) -> Any:
    """A part as tifffile.TiffFile; refused if it says that it is a part of another slide."""
    _refuse_missing(part.file, path)
    try:
        tif = stack.enter_context(open_tiff(part.file))
    except TiffFileError as error:
        raise SlideFormatError(
            f"{path}: its part {part.file.name!r} is no TIFF ({error})"
        ) from error
    stated = _UUID.search(str(tif.pages.first.description))
    if stated and part.uuid and part.uuid not in known and stated[1].strip() != part.uuid.strip():
        raise SlideFormatError(
            f"{path}: its part {part.file.name!r} belongs to another slide (its UUID is not the "
            "one wanted); copy the slide's files again"
        )
    return tif


def _refuse_unfit(pages: Sequence[Any], image: OmeImage, named: bool, path: Path) -> None:
    """Refuse pages that are no plane of one channel, of the size that the XML says."""
    first = pages[0]
    for page in pages:
        layout.refuse_rgb(page, named, path)
        if page.samplesperpixel != 1:
            raise SlideFormatError(
                f"{path}: its parts hold {page.samplesperpixel} samples per pixel; save it with "
                "one plane per channel"
            )
        if page.dtype != first.dtype:
            raise ChannelSizeError(f"{path}: channels differ in type ({first.dtype}, {page.dtype})")
        shape = (page.imagelength, page.imagewidth)
        if shape != (image.size("Y"), image.size("X")):
            raise ChannelSizeError(
                f"{path}: a plane of {shape[0]} x {shape[1]} px, where its OME-XML says "
                f"{image.size('Y')} x {image.size('X')} px"
            )


def _levels(
    pages: Sequence[tuple[Path, Any]], opened: dict[Path, Any], cache: SegmentCache
) -> Levels:
    """Planes of the full level and of the smaller ones (SubIFDs) that all channels have."""
    found = [_planes(pages, opened, cache)]
    for index in range(min(len(page.subifds or ()) for _, page in pages)):
        smaller = [(file, page.pages[index]) for file, page in pages]
        if _are_level(pages, smaller):  # else they are labels or overviews
            found.append(_planes(smaller, opened, cache))
    return tuple(found)


def _are_level(pages: Sequence[tuple[Path, Any]], smaller: Sequence[tuple[Path, Any]]) -> bool:
    full, first = pages[0][1], smaller[0][1]
    kinds = {(p.dtype, p.samplesperpixel, p.photometric) for _, p in (*pages, *smaller)}
    shapes = {(p.imagelength, p.imagewidth) for _, p in smaller}
    return (
        len(kinds) == len(shapes) == 1
        and first.dtype is not None
        and levels.reduces((full.imagelength, full.imagewidth), shapes.pop())
    )


def _planes(
    pages: Sequence[tuple[Path, Any]], opened: dict[Path, Any], cache: SegmentCache
) -> tuple[StoredPlane, ...]:
    planes = []
    for file, page in pages:
        handle = opened[file].filehandle
        plane = layout.page_plane(page, file, handle.fileno(), cache)
        layout.refuse_truncated([plane], handle.size, file)
        planes.append(plane)
    return tuple(planes)
