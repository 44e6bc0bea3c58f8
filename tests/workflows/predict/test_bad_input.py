"""Bad slides and options: one line, the right exit code, and nothing left behind."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from support.run_folder import predict, write
from support.slide_faults import at_read, last_line


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 3)


def _replace(path: Path) -> None:
    write(path, 5, channels=("vessels", "nuclei"), shape=(600, 400))


def _scribble(path: Path) -> None:
    """Another program writes into the same file; its size stays, and it can still be read."""
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)
        file.seek(-1, os.SEEK_END)
        file.write(last)
    os.utime(path, ns=(1, 2))


@pytest.mark.parametrize(
    ("change", "how"),
    [(_cut, "changed"), (_replace, "changed"), (_scribble, "changed"), (Path.unlink, "vanished")],
)
def test_a_slide_that_changes_while_it_is_read(
    run: Path,
    slide: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[Path], object],
    how: str,
) -> None:
    out = run.parent / "new" / "out.ome.tif"
    with at_read(monkeypatch, 9, lambda: change(slide)):
        assert predict(run, slide, "--out", out) == 1
    assert re.search(rf"slide\.ome\.tif: {how} while it was read.*again", last_line(capsys))
    assert not out.parent.exists()


def test_a_chunk_of_an_ome_zarr_that_changes_while_it_is_read(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from hrpn_tf.slides.zarr.reader import OmeZarrSlide

    slide, out = write(run.parent / "slide.ome.zarr"), run.parent / "new" / "out.ome.tif"
    chunk = next(p for p in slide.rglob("*") if str(p).endswith("c/0/0/0"))
    real, count = OmeZarrSlide.read, [0]

    def read(self: OmeZarrSlide, *window: object, **more: object) -> object:
        count[0] += 1
        if count[0] == 5:
            chunk.write_bytes(chunk.read_bytes())
            os.utime(chunk, ns=(1, 2))
        return real(self, *window, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(OmeZarrSlide, "read", read)
    assert predict(run, slide, "--out", out) == 1
    assert "slide.ome.zarr: changed while it was read" in last_line(capsys)
    assert not out.parent.exists()


def test_a_damaged_slide_leaves_nothing_and_says_where(
    run: Path, slide: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Damaged before, and noticed half-way."""
    with tifffile.TiffFile(slide) as file:
        page = file.pages[1]
        offset, length = page.dataoffsets[30], page.databytecounts[30]
    content = bytearray(slide.read_bytes())
    content[offset : offset + length] = b"\xff" * length
    slide.write_bytes(content)
    out = run.parent / "new" / "out.ome.tif"
    assert predict(run, slide, "--out", out, "--no-skip-empty") == 1
    assert re.search(r"slide\.ome\.tif: .*(malformed|truncated)", last_line(capsys))
    assert not out.parent.exists()


def test_a_result_within_its_own_slide_is_refused(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run.parent / "folder"
    for channel in ("vessels", "nuclei"):
        write(folder / f"{channel}.ome.tif", channels=(channel,))
    assert predict(run, folder, "--out", folder / "qd.ome.tif") == 2
    assert "lies within the slide" in last_line(capsys)


MASK = '{"type": "Polygon", "coordinates": [[[%s, 0], [%s, 0], [%s, 90], [%s, 0]]]}'


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (None, ["--region", "0,0,402,10"], r"region x 0, y 0, 402 x 10 px does not lie within"),
        (None, ["--region", "0,0,0,10"], r"does not lie within the slide of 400 x 600 px"),
        (None, ["--region=-1,0,5,5"], r"does not lie within"),
        (None, ["--region", "0,0,10"], r"expected X,Y,WIDTH,HEIGHT"),
        (None, ["--level", "1"], r"no level 1; it has 1"),
        (None, ["--mask", "none.geojson"], r"none\.geojson: cannot be read: No such file"),
        (MASK % (5000, 5090, 5000, 5000), ["--mask", "m"], r"m: lies outside the slide"),
        ("{", ["--mask", "m"], r"m: not GeoJSON"),
        (None, ["--channel", "nuclei=FITC"], r"no channel 'FITC'; it has 0 'vessels', 1 'nucle"),
        (None, ["--channel", "nuclei=0"], r"one channel for two inputs"),
        (None, ["--channel", "vessels=1", "--channel", "nuclei=nuclei"], r"one channel for two"),
    ],
)
def test_what_does_not_fit_the_slide_is_refused(
    run: Path,
    slide: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: str | None,
    options: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(run.parent)
    if change is not None:
        Path("m").write_text(change, encoding="utf-8")
    before = sorted(run.parent.rglob("*"))
    assert predict(run, slide, *options) == 2
    said = last_line(capsys)
    assert re.search(message, said), said
    assert sorted(run.parent.rglob("*")) == before


def test_swapped_channels_are_questioned(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    slide = write(run.parent / "stains.ome.tif", channels=("DAPI", "CD31"))
    out = run.parent / "out.ome.tif"
    assert predict(run, slide, "--out", out, "--channel", "vessels=CD31") == 2
    assert "no channel 'nuclei'; it has 0 'DAPI', 1 'CD31'" in last_line(capsys)
    swapped = ["--channel", "vessels=DAPI", "--channel", "nuclei=CD31"]
    assert predict(run, slide, "--out", out, *swapped) == 2
    assert "'DAPI' is given as vessels, but by its name it shows nuclei" in last_line(capsys)
    meant = ["--channel", "vessels=0", "--channel", "nuclei=1"]
    assert predict(run, slide, "--out", out, *meant) == 0


@pytest.mark.parametrize("name", ["out.ome.tif", "out.ome.zarr"])
def test_pixels_of_half_a_millimetre_are_questioned(
    run: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    from hrpn_tf.slides import open_slide

    slide, out = write(run.parent / "unit.ome.tif", size=500.0), run.parent / name
    assert predict(run, slide, "--out", out) == 2
    assert re.search(r"500 um/px, which no microscope .*unit.*--pixel-size", last_line(capsys))
    assert predict(run, slide, "--out", out, "--pixel-size", 0.5) == 0
    with open_slide(out) as opened:
        assert opened.info.pixel_size_um == pytest.approx(0.5), "as stated, not as in the slide"


def test_a_slide_without_pixels_or_with_nan(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = run.parent / "empty.tif"
    with pytest.warns(UserWarning, match="zero-size"):
        tifffile.imwrite(empty, np.zeros((0, 5), np.uint8))
    out = run.parent / "new" / "out.ome.tif"
    assert predict(run, empty, "--out", out, "--pixel-size", 0.5) == 1
    last_line(capsys)
    image = np.ones((200, 200, 2), np.float32)
    raw = run.parent / "raw.tif"
    image[150, 150] = np.nan
    tifffile.imwrite(raw, np.moveaxis(image, -1, 0), metadata={"axes": "CYX"})
    channels = ["--channel", "vessels=0", "--channel", "nuclei=1", "--pixel-size", 0.5]
    assert predict(run, raw, "--out", out, *channels) == 1
    assert "NaN or infinite pixel at row 150, column 150" in last_line(capsys)
    assert not out.parent.exists()
