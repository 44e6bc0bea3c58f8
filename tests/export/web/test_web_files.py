"""The files that users drop on a web page: what is read, and what is refused in one line."""

import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from support.slides import write_slide
from support.web_page import PAGE, PageVisit, exported

from hrpn_tf import slides

H, W = 150, 261


@pytest.fixture(scope="module")
def visit(browser: Any) -> Iterator[PageVisit]:
    with PageVisit(browser, exported() / PAGE) as page:
        page.page.wait_for_selector("body[data-engine]")
        yield page
        assert page.requests == []
        assert [c for c in page.complaints if "not a valid" not in c] == []


def pixels(dtype: str = "uint8", channels: int = 2) -> np.ndarray:
    """(channels, H, W)."""
    most = {"uint8": 255, "uint16": 65535, "float32": 1000}[dtype]
    values = np.random.default_rng(3).random((channels, H, W)) * most
    return values.astype(dtype)


def png(path: Path, image: np.ndarray, filters: tuple[int, ...] = (0, 1, 2, 3, 4)) -> Path:
    """A PNG of grey levels (H, W), whose rows are filtered in turn by all filters."""
    size = image.itemsize
    raw = image.astype(image.dtype.newbyteorder(">")).view(np.uint8).reshape(len(image), -1)
    lines, before = b"", np.zeros(raw.shape[1], int)
    for y, line in enumerate(raw.astype(int)):
        left = np.concatenate([np.zeros(size, int), line[:-size]])
        corner = np.concatenate([np.zeros(size, int), before[:-size]])
        p = left + before - corner
        away = [np.abs(p - each) for each in (left, before, corner)]
        paeth = np.where(
            (away[0] <= away[1]) & (away[0] <= away[2]),
            left,
            np.where(away[1] <= away[2], before, corner),
        )
        kind = filters[y % len(filters)]
        guess = (np.zeros_like(line), left, before, (left + before) // 2, paeth)[kind]
        lines += bytes([kind]) + ((line - guess) % 256).astype(np.uint8).tobytes()
        before = line
    height, width = image.shape

    def chunk(name: bytes, data: bytes) -> bytes:
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8 * size, 0, 0, 0, 0)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    return path


WAYS: dict[str, dict[str, Any]] = {
    "strips": {"rowsperstrip": 7},
    "one strip": {},
    "tiles": {"tile": (64, 48)},
    "deflate": {"tile": (64, 64), "compression": "zlib", "predictor": True},
    "lzw": {"rowsperstrip": 40, "compression": "lzw"},
    "zstd": {"tile": (128, 128), "compression": "zstd"},
    "bigtiff": {"bigtiff": True, "tile": (64, 64)},
    "big endian": {"byteorder": ">"},
}


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_pixels_of_every_kind_of_tiff_are_read_as_they_are_stored(
    visit: PageVisit, tmp_path: Path, dtype: str
) -> None:
    due = pixels(dtype)
    for number, (way, options) in enumerate(WAYS.items()):
        path = tmp_path / f"{number}.tif"
        image = due if way != "one strip" else np.moveaxis(due, 0, -1)
        if way == "one strip":
            options = {"planarconfig": "contig", "metadata": None}
        if dtype == "float32" and "predictor" in options:
            options = {**options, "predictor": 3}
        tifffile.imwrite(path, image, photometric="minisblack", **options)
        visit.page.set_input_files("#files", [str(path)])
        found = visit.read(0, 0, H, W, (0, 1))
        assert np.array_equal(found, np.moveaxis(due, 0, -1).astype(np.float32)), way


def test_beyond_the_edges_lies_the_reflection(visit: PageVisit, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    due = pixels()
    tifffile.imwrite(path, due, photometric="minisblack", tile=(64, 64))
    visit.page.set_input_files("#files", [str(path)])
    found = visit.read(-200, -10, 600, 400, (1, 0))
    padded = np.pad(due[::-1], ((0, 0), (200, 250), (10, 129)), mode="symmetric")
    assert np.array_equal(found, np.moveaxis(padded, 0, -1).astype(np.float32))


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_png_for_each_channel(visit: PageVisit, tmp_path: Path, dtype: str) -> None:
    due = pixels(dtype)
    names = ["section CD31.png", "section Hoechst.png"]
    files = [png(tmp_path / name, plane) for name, plane in zip(names, due, strict=True)]
    visit.page.set_input_files("#files", [str(file) for file in files])
    found = visit.read(0, 0, H, W, (0, 1))
    assert np.array_equal(found, np.moveaxis(due, 0, -1).astype(np.float32))
    # no pixel size is in there, and none is invented
    visit.drop(*files)
    assert "states no pixel size; enter the true one" in visit.text("problem")
    assert visit.page.locator("#role-0 option:checked").inner_text() == "section CD31"
    assert visit.page.locator("#role-1 option:checked").inner_text() == "section Hoechst"
    visit.page.fill("#pixel-size", "500")
    visit.page.press("#pixel-size", "Enter")
    visit.page.wait_for_function(
        "() => document.getElementById('problem').textContent.includes('none of a microscope')"
    )
    visit.page.fill("#pixel-size", "0.51")
    visit.page.press("#pixel-size", "Enter")
    visit.page.wait_for_selector("body[data-slide]")
    assert visit.page.is_hidden("#problem")


def test_the_level_that_fits_the_network_is_read(visit: PageVisit, tmp_path: Path) -> None:
    fine = pixels().repeat(2, axis=1).repeat(2, axis=2)
    path = tmp_path / "fine.ome.tif"
    metadata = {"axes": "CYX", "Channel": {"Name": ["CD31", "DAPI"]}}
    metadata |= {"PhysicalSizeX": 250, "PhysicalSizeXUnit": "nm"}
    metadata |= {"PhysicalSizeY": 250, "PhysicalSizeYUnit": "nm"}
    common: dict[str, Any] = {"tile": (64, 64), "photometric": "minisblack"}
    with tifffile.TiffWriter(path) as file:
        file.write(fine, subifds=1, metadata=metadata, **common)
        file.write(pixels(), subfiletype=1, **common)
    visit.drop(path)
    assert visit.text("problem") == ""
    assert f"{W} × {H} px, 0.5 µm per pixel (level 1 of the file)" in visit.text("status")
    visit.predict("all")
    assert "1 of 1 blocks" in visit.text("status")


def cut(path: Path, share: float) -> Path:
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    return path


def slide(path: Path, **options: Any) -> Path:
    return write_slide(path, np.moveaxis(pixels(), 0, -1), channels=("CD31", "DAPI"), **options)


def sparse(path: Path, side: int) -> None:
    """Two black channels of ``side`` px a side, with a level of a sixteenth, without any tile."""
    size = f'PhysicalSizeX="0.5" PhysicalSizeY="0.5" SizeX="{side}" SizeY="{side}"'
    xml = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="I:0"><Pixels '
        f'ID="P:0" DimensionOrder="XYCZT" Type="uint8" SizeC="2" SizeZ="1" SizeT="1" {size}>'
        '<Channel ID="C:0" Name="CD31"/><Channel ID="C:1" Name="DAPI"/><TiffData/></Pixels>'
        "</Image></OME>\0"
    )
    data, directories = bytearray(struct.pack("<2sHI", b"II", 42, 0)), []
    text = len(data)
    data += xml.encode()
    data += bytes(len(data) % 2)
    for _ in range(2):
        places = []
        for width in (side // 16, side):
            tiles = (-(-width // 1024)) ** 2
            empty = len(data)
            data += bytes(4 * tiles)
            tags = [(256, 4, 1, width), (257, 4, 1, width), (258, 3, 1, 8), (259, 3, 1, 1)]
            tags += [(262, 3, 1, 1), (270, 2, len(xml), text), (277, 3, 1, 1), (322, 3, 1, 1024)]
            tags += [(323, 3, 1, 1024), (324, 4, tiles, empty), (325, 4, tiles, empty)]
            tags += [(330, 4, 1, place) for place in places]
            places.append(len(data))
            data += struct.pack("<H", len(tags))
            data += b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)
        directories.append((places[-1], len(data) - 4))
    struct.pack_into("<I", data, 4, directories[0][0])
    struct.pack_into("<I", data, directories[0][1], directories[1][0])
    path.write_bytes(data)


def _stack(path: Path) -> list[Path]:
    stack = np.zeros((3, 2, 64, 64), np.uint8)
    tifffile.imwrite(path, stack, metadata={"axes": "ZCYX"}, photometric="minisblack", ome=True)
    return [path]


def _colours(path: Path) -> list[Path]:
    tifffile.imwrite(path, np.zeros((64, 64, 3), np.uint8), photometric="rgb")
    return [path]


def _one(path: Path) -> list[Path]:
    tifffile.imwrite(path, pixels(channels=1)[0])
    return [path]


def _sizes(path: Path) -> list[Path]:
    other = path.with_name("b.tif")
    tifffile.imwrite(path, pixels()[0])
    tifffile.imwrite(other, pixels()[0, 1:])
    return [path, other]


def _signed(path: Path) -> list[Path]:
    tifffile.imwrite(path, pixels().astype(np.int16), photometric="minisblack")
    return [path]


def _huge_strip(path: Path) -> list[Path]:
    """A header that promises a strip of 2 GiB, as a large file without tiles has."""
    tags = [(256, 4, 32768), (257, 4, 32768), (258, 3, 16), (259, 3, 1), (262, 3, 1)]
    tags += [(273, 4, 8), (277, 3, 1), (278, 4, 32768), (279, 4, 2**31)]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    head = struct.pack("<2sHI", b"II", 42, 8) + struct.pack("<H", len(tags))
    path.write_bytes(head + entries + bytes(4))
    return [path]


def _circle(path: Path) -> list[Path]:
    """A directory that names itself as the next one."""
    _huge_strip(path)
    path.write_bytes(path.read_bytes()[:-4] + struct.pack("<I", 8))
    return [path]


def _entities(path: Path) -> list[Path]:
    bomb = '<!DOCTYPE a [<!ENTITY b "c">]><OME xmlns="x">&b;</OME>'
    tifffile.imwrite(path, pixels(), photometric="minisblack", description=bomb, metadata=None)
    return [path]


def _text(path: Path) -> list[Path]:
    path.write_text("no picture", encoding="utf-8")
    return [path]


BAD: dict[str, tuple[Callable[[Path], list[Path]], str]] = {
    "text": (_text, "a.ome.tif: is no TIFF and no PNG"),
    "empty": (lambda path: [cut(slide(path), 0)], "is no TIFF and no PNG"),
    "cut": (lambda path: [cut(slide(path), 0.3)], "a.ome.tif: cannot be read"),
    "stack": (_stack, "a stack of several planes or times; hrpn-tf predict --z"),
    "colours": (_colours, "is a colour picture"),
    "one channel": (_one, "has one channel, but the network needs 2 (vessels, nuclei)"),
    "sizes": (_sizes, f"b.tif is {W} × {H - 1} px, but a.ome.tif is {W} × {H} px"),
    "signed": (_signed, "holds numbers of 16 bits with a sign"),
    "huge strip": (_huge_strip, "stores pieces of 2048 MiB that can only be read at once"),
    "circle": (_circle, "its pages go round in a circle"),
    "entities": (_entities, "its OME-XML is malformed"),
    "coarse": (
        lambda path: [slide(path, pixel_size_um=0.56)],
        "a.ome.tif has 0.56 µm per pixel, but the network was trained at 0.5 (10 % apart at most)",
    ),
    "absurd": (lambda path: [slide(path, pixel_size_um=500.0)], "which no microscope slide has"),
    "unknown size": (lambda path: [slide(path, pixel_size_um=None)], "states no pixel size"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_cannot_be_predicted_is_one_line(visit: PageVisit, tmp_path: Path, kind: str) -> None:
    make, said = BAD[kind]
    visit.drop(*make(tmp_path / "a.ome.tif"))
    problem = visit.text("problem")
    assert said in problem
    assert "\n" not in problem
    assert visit.page.is_disabled("#predict-all")
    # the next file is read as if nothing had been
    visit.drop(slide(tmp_path / "good.ome.tif"))
    assert visit.text("problem") == ""


def test_names_in_files_are_text(visit: PageVisit, tmp_path: Path) -> None:
    names = ('<img src=x onerror="document.title=1">', "a\u202eb <b>DAPI</b>")
    path = tmp_path / "<b>.ome.tif"
    image = np.moveaxis(pixels(), 0, -1)
    slides.write_slide(path, image, pixel_size_um=0.5, channels=names, provenance={})
    title = visit.page.title()
    visit.drop(path)
    # no name is that of a stain but the second
    assert "Choose the channel of vessels" in visit.text("problem")
    visit.page.select_option("#role-0", "0")
    visit.page.wait_for_selector("body[data-slide]")
    assert names[0] in visit.page.locator('[data-layer="input-0"] th').inner_text()
    assert "a b <b>DAPI</b>" in visit.page.locator('[data-layer="input-1"] th').inner_text()
    assert visit.page.locator("main img, main th b").count() == 0
    assert visit.page.title() == title
    visit.page.select_option("#role-1", "0")
    visit.page.wait_for_selector("#problem:not([hidden])")
    assert "is chosen twice" in visit.text("problem")


def test_pixels_that_are_no_numbers_are_refused(visit: PageVisit, tmp_path: Path) -> None:
    image = pixels("float32")
    image[1, 20, 30] = np.nan
    path = write_slide(tmp_path / "a.ome.tif", np.moveaxis(image, 0, -1), channels=("CD31", "DAPI"))
    visit.drop(path)
    visit.page.click("#predict-all")
    visit.page.wait_for_selector("#problem:not([hidden])")
    assert visit.text("problem") == "a.ome.tif: holds pixels that are NaN or infinite"


def test_a_result_that_no_browser_keeps_is_refused_before_it_begins(
    visit: PageVisit, tmp_path: Path
) -> None:
    """A slide of 28 672 px a side in a few bytes: tiles that are not stored are black."""
    path = tmp_path / "large.ome.tif"
    sparse(path, 28_672)
    visit.drop(path)
    visit.page.click("#predict-all")
    visit.page.wait_for_selector("#problem:not([hidden])")
    assert "takes 9.9 GB, more than a browser keeps" in visit.text("problem")
    # a part of it is predicted all the same
    visit.look_at(14_000, 14_000)
    visit.predict("view")
    assert "of 512 px" in visit.text("status")
