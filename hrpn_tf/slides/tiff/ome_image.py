"""What OME-XML says about one image, in the words of any schema since 2003.

Channels are ``Image/ChannelInfo`` (2003), ``Image/LogicalChannel`` (2007 to 2008) or
``Pixels/Channel`` (since 2009). The pixel size is in attributes of ``Image`` (2003) or ``Pixels``
(since 2007), in micrometres until units were introduced (2015).
"""

from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

from hrpn_tf.slides.metadata import length_um, square_pixel, to_um
from hrpn_tf.slides.tiff.ome_xml import children


@dataclass(frozen=True)
class OmeImage:
    """An ``Image`` element and one of its ``Pixels``."""

    image: Element
    pixels: Element

    def size(self, axis: str) -> int:
        """``SizeX``, Y, Z, C or T; 1 if it is not stated.

        Raises:
            ValueError: it is no number.
        """
        return int(self.pixels.get(f"Size{axis}", "1"))

    def plane_at(self, channel: int, z: int) -> int:
        """Number of a plane of one time, in the order of the pixels (``DimensionOrder``)."""
        order = self.pixels.get("DimensionOrder", "XYZCT")
        if order.find("Z") < order.find("C"):
            return channel * self.size("Z") + z
        return z * self.size("C") + channel


def images(root: Element) -> list[OmeImage]:
    """All images of an OME-XML, in its order."""
    return [
        OmeImage(image, pixels)
        for image in children(root, "Image")
        for pixels in children(image, "Pixels")
    ]


def find(root: Element, height: int, width: int) -> OmeImage | None:
    """The first image of this size, px."""
    wanted = (str(height), str(width))
    for found in images(root):
        if (found.pixels.get("SizeY"), found.pixels.get("SizeX")) == wanted:
            return found
    return None


def channel_names(found: OmeImage, count: int) -> tuple[str, ...] | None:
    """Names of the channels; None if the XML does not name them.

    A channel without a name among named ones gets its index.
    """
    elements = (
        children(found.pixels, "Channel")
        or _in_order(children(found.image, "LogicalChannel"))
        or _in_order(children(found.image, "ChannelInfo"))
    )
    # Fluor is what the old schemas have instead for fluorescence
    names = [(e.get("Name") or e.get("Fluor") or "").strip() for e in elements]
    if len(names) != count or not any(names):
        return None
    return tuple(name or str(index) for index, name in enumerate(names))


def pixel_size(found: OmeImage, path: Path) -> float | None:
    """Side of a pixel, um; None if the XML does not state it.

    Raises:
        PixelSizeError: the pixels are not square.
    """
    sizes = []
    for axis in "XY":
        value = found.pixels.get(f"PhysicalSize{axis}") or found.image.get(f"PixelSize{axis}")
        unit = found.pixels.get(f"PhysicalSize{axis}Unit", "µm")
        sizes.append(to_um(_number(value), unit))
    return square_pixel(path, sizes[0], sizes[1])


def position(found: OmeImage) -> tuple[float, float] | None:
    """(y, x) of the first plane, um; None without a position in a unit of length.

    Before 2015 positions had no unit, and the default since is "reference frame", which is none.
    """
    planes = children(found.pixels, "Plane")
    if not planes:
        return None
    first = next((p for p in planes if all(p.get(f"The{a}") == "0" for a in "CZT")), planes[0])
    y, x = (
        length_um(_number(first.get(f"Position{axis}")), first.get(f"Position{axis}Unit", ""))
        for axis in "YX"
    )
    return None if y is None or x is None else (y, x)


def _in_order(channels: list[Element]) -> list[Element]:
    """Old channels by the index of their one component, where each has one of its own."""
    by_index: dict[str, Element] = {}
    for channel in channels:
        components = children(channel, "ChannelComponent")
        if len(components) == 1:
            by_index[components[0].get("Index", "")] = channel
    if set(by_index) != {str(index) for index in range(len(channels))}:
        return channels
    return [by_index[str(index)] for index in range(len(channels))]


def _number(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return float("nan")
