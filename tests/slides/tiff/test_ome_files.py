"""OME-TIFF spread over several files, with and without a companion."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from hrpn_tf.errors import ChannelSizeError, SlideFormatError
from hrpn_tf.slides import open_slide

OME = '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"{}>{}</OME>'
IMAGE = (
    '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="50" '
    'SizeY="40" SizeC="{c}" SizeZ="{z}" SizeT="1" PhysicalSizeX="0.5" PhysicalSizeY="0.5">'
    "{inside}</Pixels></Image>"
)
NAMES = ("CD31", "DAPI", "QD")
PLANES = np.random.default_rng(0).integers(0, 999, (3, 40, 50)).astype(np.uint16)


def tiff_data(channel: int, ifd: int | None = 0, file: str | None = None, count: str = "1") -> str:
    own = file or f"c{channel}.ome.tif"
    place = "" if ifd is None else f' IFD="{ifd}"'
    planes = f' PlaneCount="{count}"' if count else ""
    return (
        f'<TiffData FirstC="{channel}" FirstZ="0" FirstT="0"{place}{planes}>'
        f'<UUID FileName="{own}">urn:uuid:{own}</UUID></TiffData>'
    )


def master(inside: str, channels: int = 3, z: int = 1) -> str:
    names = "".join(f'<Channel ID="Channel:{i}" Name="{n}"/>' for i, n in enumerate(NAMES))
    position = (
        '<Plane TheC="0" TheZ="0" TheT="0" PositionX="1.5" PositionXUnit="mm" PositionY="-2" '
        'PositionYUnit="µm"/>'
    )
    return IMAGE.format(c=channels, z=z, inside=names + inside + position)


def part(path: Path, planes: np.ndarray, xml: str, **options: object) -> None:
    description = OME.format(f' UUID="urn:uuid:{path.name}"', xml).encode()
    with tifffile.TiffWriter(path) as tif:
        for index, plane in enumerate(planes):
            tif.write(
                plane,
                description=description if index == 0 else None,
                metadata=None,
                contiguous=False,
                **options,
            )


def split(folder: Path, xml: str, planes: np.ndarray = PLANES, **options: object) -> None:
    """One file per channel, each with the XML of all or a pointer."""
    for index, plane in enumerate(planes):
        part(folder / f"c{index}.ome.tif", plane[None], xml, **options)


BINARY_ONLY = '<BinaryOnly MetadataFile="slide.companion.ome" UUID="urn:uuid:companion"/>'
EACH = "".join(tiff_data(c) for c in range(3))


def with_companion(folder: Path, inside: str = EACH, **options: object) -> Path:
    split(folder, BINARY_ONLY, **options)
    companion = folder / "slide.companion.ome"
    text = '<?xml version="1.0" encoding="UTF-8"?>' + OME.format(
        ' UUID="urn:uuid:companion"', master(inside)
    )
    companion.write_text(text, encoding="utf-8")
    return companion


@pytest.mark.parametrize("options", [{}, {"compression": "zlib", "tile": (16, 16)}])
@pytest.mark.parametrize("opened", ["slide.companion.ome", "c0.ome.tif", "c2.ome.tif"])
def test_companion(tmp_path: Path, opened: str, options: dict[str, object]) -> None:
    with_companion(tmp_path, **options)
    with open_slide(tmp_path / opened) as slide:
        info = slide.info
        assert info.channels == NAMES
        assert info.pixel_size_um == 0.5
        assert info.position_um == (-2.0, 1500.0)
        assert info.format == "OME-TIFF"
        assert info.files[0] == info.path == tmp_path / opened
        assert set(info.files) == set(tmp_path.iterdir())
        assert info.segment_bytes == (512 if options else 0)
        found = slide.read(3, 5, 30, 40, [2, 0])
    np.testing.assert_array_equal(np.moveaxis(found, -1, 0), PLANES[[2, 0], 3:33, 5:45])


@pytest.mark.parametrize("opened", ["c0.ome.tif", "c1.ome.tif"])
def test_every_part_holds_the_description(tmp_path: Path, opened: str) -> None:
    """As Bio-Formats writes them; also what tifffile itself makes of the file."""
    split(tmp_path, master(EACH))
    expected = tifffile.imread(tmp_path / opened)
    with open_slide(tmp_path / opened) as slide:
        found = slide.read(0, 0, 40, 50, [0, 1, 2])
    np.testing.assert_array_equal(np.moveaxis(found, -1, 0), expected)
    np.testing.assert_array_equal(expected, PLANES)


def test_several_pages_per_part_and_counts_left_out(tmp_path: Path) -> None:
    inside = tiff_data(0, None, "a.tif", "") + tiff_data(2, 1, "b.tif", "")
    part(tmp_path / "a.tif", PLANES[:2], master(inside))
    part(tmp_path / "b.tif", PLANES[[0, 2]], master(inside))
    with open_slide(tmp_path / "b.tif") as slide:
        found = slide.read(0, 0, 40, 50, [0, 1, 2])
    np.testing.assert_array_equal(np.moveaxis(found, -1, 0), PLANES)


def test_pyramid_in_subifds_of_each_part(tmp_path: Path) -> None:
    for index, plane in enumerate(PLANES):
        description = OME.format(f' UUID="urn:uuid:c{index}.ome.tif"', master(EACH)).encode()
        with tifffile.TiffWriter(tmp_path / f"c{index}.ome.tif") as tif:
            options = {"tile": (16, 16), "metadata": None}
            tif.write(plane, subifds=2, description=description, **options)
            tif.write(plane[::2, ::2], subfiletype=1, **options)
            # the last channel lacks the third level
            tif.write(plane[::4, ::4] if index < 2 else plane[::5, ::5], subfiletype=1, **options)
    with open_slide(tmp_path / "c0.ome.tif") as slide:
        assert slide.info.levels == (1.0, 2.0)
        found = slide.read(0, 0, 20, 25, [2], level=1)[..., 0]
    np.testing.assert_array_equal(found, PLANES[2, ::2, ::2])


def test_a_part_that_was_renamed_is_known_by_its_uuid(tmp_path: Path) -> None:
    split(tmp_path, master(EACH))
    (tmp_path / "c0.ome.tif").rename(tmp_path / "renamed.tif")
    with open_slide(tmp_path / "renamed.tif") as slide:
        np.testing.assert_array_equal(slide.read(0, 0, 40, 50, [0])[..., 0], PLANES[0])
    with pytest.raises(SlideFormatError, match=r"its part 'c0\.ome\.tif' is missing"):
        open_slide(tmp_path / "c1.ome.tif")


def test_images_of_one_size_are_told_apart_by_the_file_that_is_opened(tmp_path: Path) -> None:
    images = [
        IMAGE.format(c=1, z=1, inside=f'<Channel Name="{n}"/>' + tiff_data(0, file=f"c{i}.ome.tif"))
        for i, n in enumerate(NAMES)
    ]
    split(tmp_path, "".join(images))
    with open_slide(tmp_path / "c1.ome.tif") as slide:
        assert slide.info.channels == ("DAPI",)
        assert slide.info.files == (tmp_path / "c1.ome.tif",)
        np.testing.assert_array_equal(slide.read(0, 0, 40, 50, [0])[..., 0], PLANES[1])
    companion = tmp_path / "all.companion.ome"
    companion.write_text(OME.format("", "".join(images)))
    with pytest.raises(SlideFormatError, match=r"3 images of equal size .* open one of the TIFF"):
        open_slide(companion)


@pytest.mark.parametrize("opened", ["multifile.companion.ome", "multifile-Z3.ome.tiff"])
def test_published_planes_in_depth_are_understood_and_refused(
    shared_data: Path, opened: str
) -> None:
    with pytest.raises(SlideFormatError, match="holds 5 planes in depth, where one is wanted"):
        open_slide(shared_data / "readers" / opened)


def test_published_plane_with_its_companion_cut_to_one(shared_data: Path, tmp_path: Path) -> None:
    """The published companion, without the planes beyond the first."""
    for name in ("multifile.companion.ome", "multifile-Z1.ome.tiff"):
        shutil.copy(shared_data / "readers" / name, tmp_path)
    companion = tmp_path / "multifile.companion.ome"
    text = companion.read_text()
    end = text.index("</TiffData>") + len("</TiffData>")
    companion.write_text((text[:end] + "</Pixels></Image></OME>").replace('SizeZ="5"', 'SizeZ="1"'))
    with open_slide(tmp_path / "multifile-Z1.ome.tiff") as slide:
        assert (slide.info.height, slide.info.width) == (24, 18)
        expected = tifffile.imread(tmp_path / "multifile-Z1.ome.tiff")
        np.testing.assert_array_equal(slide.read(0, 0, 24, 18, [0])[..., 0], expected)


@pytest.mark.parametrize(
    "name",
    ["../c1.ome.tif", "/etc/passwd", "..", ".", "", "a/b.tif", "C:\\\\a.tif", "a&#10;/b.tif"],
)
@pytest.mark.parametrize("opened", ["slide.companion.ome", "c0.ome.tif"])
def test_names_that_leave_the_folder(tmp_path: Path, name: str, opened: str) -> None:
    with_companion(tmp_path, EACH.replace("c1.ome.tif", name, 1))
    with pytest.raises(SlideFormatError, match="plain name of a file in the same folder") as caught:
        open_slide(tmp_path / opened)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("linked", ["c1.ome.tif", "slide.companion.ome"])
def test_links_that_lead_out_of_the_folder(tmp_path: Path, linked: str) -> None:
    slide, elsewhere = tmp_path / "slide", tmp_path / "elsewhere"
    for folder in (slide, elsewhere):
        folder.mkdir()
        with_companion(folder)
    (slide / linked).unlink()
    (slide / linked).symlink_to(elsewhere / linked)
    with pytest.raises(SlideFormatError, match="a link that leads out of the folder"):
        open_slide(slide / "c0.ome.tif")


def test_links_to_all_files_of_a_slide_are_followed(tmp_path: Path) -> None:
    kept, linked = tmp_path / "kept", tmp_path / "linked"
    kept.mkdir()
    linked.mkdir()
    with_companion(kept)
    for file in kept.iterdir():
        (linked / file.name).symlink_to(file)
    with open_slide(linked / "c0.ome.tif") as slide:
        assert slide.info.channels == NAMES


def test_planes_that_are_named_very_often(tmp_path: Path) -> None:
    many = tiff_data(0) + '<TiffData IFD="0" PlaneCount="3"/>' * 3000
    with pytest.raises(SlideFormatError, match="names 9001 pages for 3 planes"):
        open_slide(with_companion(tmp_path, many))
    image = IMAGE.format(c=300, z=1, inside="<TiffData/>" * 300)
    tifffile.imwrite(
        tmp_path / "a.ome.tif", PLANES[0], description=OME.format("", image), metadata=None
    )
    with pytest.raises(SlideFormatError, match="claims 90300 planes in all"):
        open_slide(tmp_path / "a.ome.tif")


def missing(folder: Path) -> None:
    (folder / "c1.ome.tif").unlink()


def pipe(folder: Path) -> None:
    import os

    missing(folder)
    os.mkfifo(folder / "c1.ome.tif")


def no_companion(folder: Path) -> None:
    (folder / "slide.companion.ome").unlink()


def no_tiff(folder: Path) -> None:
    (folder / "c1.ome.tif").write_bytes(b"nothing")


def of_another_slide(folder: Path) -> None:
    shutil.copy(folder / "c0.ome.tif", folder / "c1.ome.tif")


def smaller(folder: Path) -> None:
    part(folder / "c1.ome.tif", PLANES[1:2, 1:], BINARY_ONLY)


def of_another_type(folder: Path) -> None:
    part(folder / "c1.ome.tif", PLANES[1:2].astype(np.uint8), BINARY_ONLY)


def of_samples(folder: Path) -> None:
    samples = np.stack([PLANES[1]] * 2, axis=-1)
    part(folder / "c1.ome.tif", samples[None], BINARY_ONLY, planarconfig="contig", photometric=1)


def truncated(folder: Path) -> None:
    path = folder / "c1.ome.tif"
    path.write_bytes(path.read_bytes()[:-100])


def circular_pointer(folder: Path) -> None:
    (folder / "slide.companion.ome").write_text(OME.format("", BINARY_ONLY))


def bomb(folder: Path) -> None:
    (folder / "slide.companion.ome").write_text('<!DOCTYPE a [<!ENTITY b "c">]><OME>&b;</OME>')


@pytest.mark.parametrize(
    ("spoil", "error", "match"),
    [
        (missing, SlideFormatError, r"its part 'c1\.ome\.tif' is missing"),
        (pipe, SlideFormatError, r"its part 'c1\.ome\.tif' is missing"),
        (no_companion, SlideFormatError, r"its part 'slide\.companion\.ome' is missing"),
        (no_tiff, SlideFormatError, r"its part 'c1\.ome\.tif' is no TIFF"),
        (of_another_slide, SlideFormatError, r"'c1\.ome\.tif' belongs to another slide"),
        (smaller, ChannelSizeError, "a plane of 39 x 50 px, where its OME-XML says 40 x 50 px"),
        (of_another_type, ChannelSizeError, r"differ in type \(uint16, uint8\)"),
        (of_samples, SlideFormatError, "2 samples per pixel"),
        (truncated, SlideFormatError, r"c1\.ome\.tif: truncated"),
        (circular_pointer, SlideFormatError, "names it as the slide's description"),
        (bomb, SlideFormatError, "malformed OME-XML"),
    ],
)
def test_parts_that_do_not_fit(
    tmp_path: Path, spoil: Callable[[Path], None], error: type[Exception], match: str
) -> None:
    with_companion(tmp_path)
    spoil(tmp_path)
    with pytest.raises(error, match=match):
        open_slide(tmp_path / "c0.ome.tif")


@pytest.mark.parametrize(
    ("inside", "match"),
    [
        (tiff_data(0) + tiff_data(2), "does not say where these planes are: 1"),
        (EACH.replace('IFD="0"', 'IFD="7"', 1), "has 1 pages, where page 7 is wanted"),
        (EACH.replace('IFD="0"', 'IFD="-1"', 1), "has 1 pages, where page -1 is wanted"),
        (EACH.replace('IFD="0"', 'IFD="x"', 1), "malformed"),
        (EACH.replace('PlaneCount="1"', f'PlaneCount="{10**9}"', 1), "claims planes"),
        ("<MetadataOnly/>", "names no plane in a TIFF file"),
    ],
)
def test_descriptions_that_do_not_fit(tmp_path: Path, inside: str, match: str) -> None:
    companion = with_companion(tmp_path, inside)
    with pytest.raises(SlideFormatError, match=match):
        open_slide(companion)


def test_size_0(tmp_path: Path) -> None:
    companion = with_companion(tmp_path)
    companion.write_text(companion.read_text().replace('SizeX="50"', 'SizeX="0"'))
    with pytest.raises(SlideFormatError, match="of 0 px"):
        open_slide(companion)


def test_a_folder_of_parts_says_what_to_open(tmp_path: Path) -> None:
    with_companion(tmp_path)
    with pytest.raises(SlideFormatError, match=r"in several files; open c0\.ome\.tif itself"):
        open_slide(tmp_path)


def test_a_description_that_is_too_long(tmp_path: Path) -> None:
    companion = with_companion(tmp_path)
    with companion.open("r+b") as file:
        file.truncate(65 * 2**20)
    with pytest.raises(SlideFormatError, match="more than any slide has"):
        open_slide(companion)
