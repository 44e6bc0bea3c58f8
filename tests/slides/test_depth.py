"""Stacks: the plane that is asked for, or a projection of all, from every format."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from support.places import SHARED
from support.raw_tiff import directory
from support.zarr_samples import image_attributes, save_array, save_group, save_image

from hrpn_tf.errors import DepthError, SlideFormatError, UsageError
from hrpn_tf.slides import open_slide
from hrpn_tf.slides.depth import parse_depth

Z, C, Y, X = 3, 2, 70, 90
STACK = np.random.default_rng(0).integers(0, 60_000, (Z, C, Y, X)).astype(np.uint16)
OF_CHANNEL = STACK.transpose(1, 0, 2, 3)
OME = '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"{}>{}</OME>'


def ome_tiff(path: Path, axes: str = "ZCYX", **options: object) -> None:
    pixels = STACK if axes == "ZCYX" else OF_CHANNEL
    metadata = {"axes": axes, "Channel": {"Name": ["a", "b"]}}
    tifffile.imwrite(path, pixels, ome=True, metadata=metadata, **options)


def imagej(path: Path, pixels: np.ndarray = STACK, axes: str = "ZCYX") -> None:
    tifffile.imwrite(path, pixels, imagej=True, metadata={"axes": axes})


def pyramid(path: Path) -> None:
    with tifffile.TiffWriter(path, ome=True) as tif:
        tiled = {"tile": (32, 32), "compression": "zlib"}
        tif.write(STACK, subifds=1, metadata={"axes": "ZCYX"}, **tiled)
        tif.write(STACK[..., ::2, ::2], subfiletype=1, **tiled)


def zarr(version: str, axes: str = "czyx") -> Callable[[Path], None]:
    def write(path: Path) -> None:
        pixels = OF_CHANNEL if axes == "czyx" else STACK
        save_image(path, version, pixels, axes, array={"chunks": (1, 2, 64, 64)})

    return write


def several_files(order: str) -> Callable[[Path], None]:
    """A file per channel that holds its planes, or a file per depth that holds its channels."""

    def write(path: Path) -> None:
        by_channel = order == "XYZCT"
        names = [
            path.name if i == 0 else f"part-{i}.ome.tif" for i in range(C if by_channel else Z)
        ]
        data = "".join(
            f'<TiffData First{"C" if by_channel else "Z"}="{i}" IFD="0" '
            f'PlaneCount="{Z if by_channel else C}"><UUID FileName="{name}">urn:uuid:{name}</UUID>'
            "</TiffData>"
            for i, name in enumerate(names)
        )
        xml = (
            f'<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="{order}" Type="uint16" '
            f'SizeX="{X}" SizeY="{Y}" SizeC="{C}" SizeZ="{Z}" SizeT="1">{data}</Pixels></Image>'
        )
        for name, planes in zip(names, OF_CHANNEL if by_channel else STACK, strict=True):
            own = OME.format(f' UUID="urn:uuid:{name}"', xml)
            with tifffile.TiffWriter(path.parent / name) as tif:
                for number, plane in enumerate(planes):
                    note = None if number else own.encode()
                    tif.write(plane, description=note, metadata=None, contiguous=False)

    return write


def ndtiff(path: Path) -> None:
    summary = b'{"PixelSize_um": 0.5}'
    head = struct.pack("<4I", 483729, 2, 2355492, len(summary)) + summary
    rows, content = b"", bytearray(8)
    content += head
    pages = []
    for z in range(Z):
        for c in range(C):
            pages.append((z, c, len(content)))
            content += STACK[z, c].tobytes()
    start = len(content)
    for number, (z, c, data) in enumerate(pages):
        sizes = [(256, 4, 1, X), (257, 4, 1, Y), (258, 3, 1, 16), (259, 3, 1, 1), (262, 3, 1, 1)]
        place = [(273, 4, 1, data), (277, 3, 1, 1), (278, 4, 1, Y), (279, 4, 1, 2 * X * Y)]
        tags = [*sizes, *place]
        note = b'{"a": 1}\0'
        at = len(content) + len(directory(tags)) + 12
        block = bytearray(directory([*tags, (51123, 2, len(note), at)]) + note)
        if number + 1 < len(pages):
            after = 2 + 12 * (len(tags) + 1)
            block[after : after + 4] = struct.pack("<I", len(content) + len(block))
        content += block
        axes = f'{{"channel": {c}, "z": {z - 1}}}'.encode()  # from below the focus
        rows += struct.pack("<I", len(axes)) + axes + struct.pack("<I", len(path.name))
        rows += path.name.encode() + struct.pack("<IiiiiIii", data, X, Y, 1, 0, 0, 0, 0)
    content[:8] = b"II*\0" + struct.pack("<I", start)
    path.write_bytes(content)
    (path.parent / "NDTiff.index").write_bytes(rows)


FORMATS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "OME-TIFF": ("a.ome.tif", ome_tiff),
    "OME-TIFF, depth fastest": ("a.ome.tif", lambda path: ome_tiff(path, "CZYX")),
    "OME-TIFF in tiles": ("a.ome.tif", lambda path: ome_tiff(path, tile=(32, 32))),
    "OME-TIFF with a pyramid": ("a.ome.tif", pyramid),
    "OME-TIFF, a file per channel": ("a.ome.tif", several_files("XYZCT")),
    "OME-TIFF, a file per depth": ("a.ome.tif", several_files("XYCZT")),
    "ImageJ": ("a.tif", imagej),
    "NDTiff": ("x_NDTiffStack.tif", ndtiff),
    "OME-Zarr 0.4": ("a.zarr", zarr("0.4")),
    "OME-Zarr 0.5": ("a.zarr", zarr("0.5", "zcyx")),
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_plane_and_projections_of_every_format(name: str, tmp_path: Path) -> None:
    file, write = FORMATS[name]
    path = tmp_path / file
    write(path)
    with pytest.raises(DepthError) as refused:
        open_slide(path)
    assert "3 planes in depth, where one is wanted; choose with --z PLANE" in str(refused.value)
    mean = np.rint(STACK.astype(np.float64).mean(axis=0))
    for z, wanted in ((1, STACK[0]), (3, STACK[2]), ("max", STACK.max(axis=0)), ("mean", mean)):
        with open_slide(path, z=z) as slide:
            info = slide.info
            assert (info.planes, info.depth, len(info.channels)) == (Z, z, C)
            assert info.dtype == np.uint16
            np.testing.assert_array_equal(slide.read(0, 0, Y, X, [0, 1]), wanted.transpose(1, 2, 0))
            np.testing.assert_array_equal(
                slide.read(31, 60, 9, 30, [1])[..., 0], wanted[1, 31:40, 60:]
            )
            if "pyramid" in name:
                assert info.levels == (1.0, 2.0)
                small = slide.read(0, 0, Y // 2, X // 2, [1], 1)[..., 0]
                picked = STACK[z - 1] if isinstance(z, int) else None
                if picked is not None:
                    np.testing.assert_array_equal(small, picked[1, ::2, ::2])
    with pytest.raises(DepthError, match=r"no plane 4 in depth; it has 3, counted from 1"):
        open_slide(path, z=4)


def test_a_slide_with_one_plane_stays_as_it_is(tmp_path: Path) -> None:
    imagej(tmp_path / "a.tif", STACK[0], "CYX")
    for z in (5, "max"):
        with open_slide(tmp_path / "a.tif", z=z) as slide:
            assert (slide.info.planes, slide.info.depth) == (1, None)
            np.testing.assert_array_equal(slide.read(0, 0, Y, X, [1])[..., 0], STACK[0, 1])


def test_a_stack_of_one_channel_and_one_file_per_channel(tmp_path: Path) -> None:
    folder = tmp_path / "slide"
    folder.mkdir()
    for c, name in enumerate(("CD31", "DAPI")):
        imagej(folder / f"{name}.tif", STACK[:, c], "ZYX")
    with open_slide(folder, z="max") as slide:
        assert (slide.info.depth, slide.info.channels) == ("max", ("CD31", "DAPI"))
        pixels = slide.read(0, 0, Y, X, [0, 1])
    np.testing.assert_array_equal(pixels, STACK.max(axis=0).transpose(1, 2, 0))


def test_floats_are_not_rounded_and_time_is_still_refused(tmp_path: Path) -> None:
    floats = (STACK / 7).astype(np.float32)
    imagej(tmp_path / "a.tif", floats)
    with open_slide(tmp_path / "a.tif", z="mean") as slide:
        found = slide.read(0, 0, Y, X, [0])[..., 0]
    np.testing.assert_allclose(found, floats[:, 0].mean(axis=0, dtype=np.float64), rtol=1e-6)
    imagej(tmp_path / "t.tif", STACK, "TCYX")
    with pytest.raises(SlideFormatError, match="3 time points"):
        open_slide(tmp_path / "t.tif", z="max")


def test_levels_with_fewer_planes_are_left_out(tmp_path: Path) -> None:
    """As of a pyramid that is also halved in depth, which has no single plane there."""
    folder, levels = tmp_path / "a.zarr", [OF_CHANNEL, OF_CHANNEL[:, :2, ::2, ::2]]
    save_group(folder, "0.4", image_attributes("0.4", levels, "czyx"))
    for number, pixels in enumerate(levels):
        save_array(folder / str(number), "0.4", pixels)
    with open_slide(folder, z=2) as slide:
        assert slide.info.levels == (1.0,)
        np.testing.assert_array_equal(slide.read(0, 0, Y, X, [1])[..., 0], STACK[1, 1])


@pytest.mark.skipif(not (SHARED / "data" / "readers").is_dir(), reason="the images are not here")
def test_stacks_of_other_programs() -> None:
    folder = SHARED / "data" / "readers"
    path = folder / "2010-06__18x24y5z1t2c8b-text.ome.tiff"
    wanted = tifffile.imread(path)  # ZCYX
    with open_slide(path, z=4) as slide:
        found = slide.read(0, 0, 24, 18, [0, 1])
    np.testing.assert_array_equal(np.moveaxis(found, -1, 0), wanted[3])
    parts = []
    for name in ("multifile-Z1.ome.tiff", "multifile-Z4.ome.tiff", "multifile.companion.ome"):
        with open_slide(folder / name, z=4) as slide:
            assert slide.info.planes == 5
            parts.append(slide.read(0, 0, slide.info.height, slide.info.width, [0]))
    with tifffile.TiffFile(folder / "multifile-Z4.ome.tiff") as tif:
        wanted = tif.pages.first.asarray()
    for part in parts:
        np.testing.assert_array_equal(part[..., 0], wanted)


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "min", "", "９", "999999"])
def test_other_choices_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="give a plane, counted from 1, or max or mean"):
        parse_depth(text)
