"""OME-XML of every schema since 2003, in the element names of each."""

from pathlib import Path

import numpy as np
import ome_types
import pytest
import tifffile

from hrpn_tf.slides import open_slide

PLANES = np.random.default_rng(0).integers(0, 255, (2, 30, 40), dtype=np.uint8)

PIXELS = (
    '<Pixels ID="Pixels:0" DimensionOrder="XYCZT" {type}="uint8" BigEndian="false" SizeX="40" '
    'SizeY="30" SizeZ="1" SizeC="2" SizeT="1"{attributes}>{inside}</Pixels>'
)
SIZE = ' PhysicalSizeX="0.325" PhysicalSizeY="0.325"'


def fc_2003() -> str:
    """Pixel size on Image; ChannelInfo, here in another order than the planes."""
    channels = "".join(
        f'<ChannelInfo ID="Channel:{i}" Name="{name}" SamplesPerPixel="1">'
        f'<ChannelComponent Pixels="Pixels:0" Index="{i}" ColorDomain="g"/></ChannelInfo>'
        for i, name in ((1, "DAPI"), (0, "CD31"))
    )
    return (
        '<OME xmlns="http://www.openmicroscopy.org/XMLschemas/OME/FC/ome.xsd">'
        '<Image ID="Image:0" Name="a" PixelSizeX="0.325" PixelSizeY="0.325" PixelSizeZ="1">'
        "<CreationDate>2004-01-01T00:00:00</CreationDate>"
        f"{channels}"
        f"{PIXELS.format(type='PixelType', attributes='', inside='<TiffData/>')}</Image></OME>"
    )


def logical_channels(schema: str) -> str:
    """2007-06 to 2008-09: LogicalChannel, with Name or else Fluor; StagePosition without unit."""
    channels = "".join(
        f'<LogicalChannel ID="LogicalChannel:{i}" {attribute}="{name}" SamplesPerPixel="1">'
        f'<ChannelComponent Pixels="Pixels:0" Index="{i}"/></LogicalChannel>'
        for i, (attribute, name) in enumerate((("Name", "CD31"), ("Fluor", "DAPI")))
    )
    inside = (
        '<TiffData IFD="0" NumPlanes="2"/>'
        '<Plane TheC="0" TheZ="0" TheT="0"><StagePosition PositionX="3" PositionY="4"/></Plane>'
    )
    return (
        f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/{schema}">'
        '<Image ID="Image:0" DefaultPixels="Pixels:0">'
        "<CreationDate>2008-01-01T00:00:00</CreationDate>"
        f"{channels}{PIXELS.format(type='PixelType', attributes=SIZE, inside=inside)}"
        "</Image></OME>"
    )


def channels(schema: str, unit: str = "", position: str = "") -> str:
    """Since 2009-09: Channel in Pixels; units since 2015-01."""
    named = "".join(
        f'<Channel ID="Channel:0:{i}" Name="{name}" SamplesPerPixel="1"/>'
        for i, name in enumerate(("CD31", "DAPI"))
    )
    planes = "NumPlanes" if schema == "2009-09" else "PlaneCount"
    inside = (
        f'{named}<TiffData IFD="0" {planes}="2"/>'
        f'<Plane TheC="0" TheZ="0" TheT="0" PositionX="3" PositionY="4"{position}/>'
    )
    pixels = PIXELS.format(type="Type", attributes=SIZE + unit, inside=inside)
    slash = "/" if schema == "2009-09" else ""  # its name space ends in one
    return (
        f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/{schema}{slash}">'
        f'<Image ID="Image:0">{pixels}</Image></OME>'
    )


UNITS = ' PhysicalSizeXUnit="µm" PhysicalSizeYUnit="µm"'
IN_MM = ' PositionXUnit="mm" PositionYUnit="mm"'
SCHEMAS = {
    "2003-FC": fc_2003(),
    "2007-06": logical_channels("2007-06"),
    "2008-02": logical_channels("2008-02"),
    "2008-09": logical_channels("2008-09"),
    "2009-09": channels("2009-09"),
    "2010-04": channels("2010-04"),
    "2010-06": channels("2010-06"),
    "2011-06": channels("2011-06"),
    "2012-06": channels("2012-06"),
    "2013-06": channels("2013-06"),
    "2015-01": channels("2015-01", UNITS, IN_MM),
    "2016-06": channels("2016-06", UNITS, IN_MM),
}


@pytest.mark.parametrize("schema", SCHEMAS)
def test_every_schema(tmp_path: Path, schema: str) -> None:
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, PLANES, description=SCHEMAS[schema].encode(), metadata=None)
    with open_slide(path) as slide:
        assert slide.info.format == "OME-TIFF"
        assert slide.info.channels == ("CD31", "DAPI")
        assert slide.info.pixel_size_um == 0.325
        assert slide.info.position_um == ((4000, 3000) if schema >= "2015" else None)
        found = slide.read(0, 0, 30, 40, [0, 1])
    np.testing.assert_array_equal(np.moveaxis(found, -1, 0), tifffile.imread(path))


@pytest.mark.parametrize("schema", [schema for schema in SCHEMAS if schema >= "2010"])
def test_ome_types_reads_the_same_from_these_files(schema: str) -> None:
    """So that what is tested above is OME-XML, not what we take for it."""
    pixels = ome_types.from_xml(SCHEMAS[schema], validate=False).images[0].pixels
    assert [channel.name for channel in pixels.channels] == ["CD31", "DAPI"]
    assert pixels.physical_size_x == 0.325
    assert pixels.physical_size_x_unit.value == "µm"


def test_prefixed_element_names(tmp_path: Path) -> None:
    text = SCHEMAS["2016-06"].replace("xmlns=", "xmlns:ome=")
    text = text.replace("</", "</ome:").replace("<", "<ome:").replace("<ome:/ome:", "</ome:")
    tifffile.imwrite(tmp_path / "a.tif", PLANES, description=text.encode(), metadata=None)
    with open_slide(tmp_path / "a.tif") as slide:
        assert slide.info.channels == ("CD31", "DAPI")


@pytest.mark.parametrize("indices", [("0", "0"), ("0", "2"), ("", "")])
def test_old_channels_without_a_component_each_keep_their_order(
    tmp_path: Path, indices: tuple[str, str]
) -> None:
    text = SCHEMAS["2008-09"]
    for index in range(2):
        text = text.replace(f'Index="{index}"', f'Index="{indices[index]}x"')
    tifffile.imwrite(tmp_path / "a.tif", PLANES, description=text.encode(), metadata=None)
    with open_slide(tmp_path / "a.tif") as slide:
        assert slide.info.channels == ("CD31", "DAPI")
