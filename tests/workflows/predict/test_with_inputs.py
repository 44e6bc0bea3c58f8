"""A prediction with its inputs in one file: what other programs read in it."""

from pathlib import Path
from typing import Any

import numpy as np
import ome_types
import pytest
import tifffile
import yaml
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader
from support.command import hrpn_tf
from support.run_folder import write

from hrpn_tf.config import load_config
from hrpn_tf.errors import OutputExistsError
from hrpn_tf.prediction.frame import Frame
from hrpn_tf.prediction.tiling import Region
from hrpn_tf.slides import open_slide, read_provenance, write_slide
from hrpn_tf.workflows.predict.job import SlideJob
from hrpn_tf.workflows.predict.with_inputs import combined_path, with_inputs

OUTPUTS = ("qd", "qd lower", "qd upper")
NAMES = ["vessels (SpGreen)", "nuclei (DAPI)", *(f"{name} (predicted)" for name in OUTPUTS)]
COLOURS = ["00E64D", "4060FF", "FF5A14", "FFB4DC", "FF00B4"]
OWN = Frame(0.5, 0, 1.0, 1.0)


def pixels(path: Path) -> np.ndarray:
    """(H, W, C) of all channels."""
    with open_slide(path) as slide:
        info = slide.info
        return slide.read(0, 0, info.height, info.width, range(len(info.channels)))


def job(
    folder: Path,
    name: str = "a.ome.tif",
    frame: Frame = OWN,
    region: Region | None = None,
    version: str = "0.4",
    dtype: str = "float32",
) -> SlideJob:
    """A slide (DAPI, SpOrange, SpGreen) and its prediction with bounds, which is a ramp."""
    slide = write(folder / "slide.ome.tif", channels=("DAPI", "SpOrange", "SpGreen"))
    height, width = (75, 100) if frame != OWN else (150, 201)
    if region is not None:
        height, width = region.height, region.width
    ramp = np.linspace(0, 99, height * width).reshape(height, width, 1)
    predicted = np.concatenate([ramp, ramp / 2, ramp * 2], axis=-1).astype(dtype)
    write_slide(
        folder / name,
        predicted,
        channels=OUTPUTS,
        pixel_size_um=frame.pixel_size_um,
        position_um=(10.0, 20.0),
        provenance={"model": "1f0c"},
        overwrite=True,
    )
    format = f"ome-zarr-{version}" if name.endswith("zarr") else "ome-tiff"
    return SlideJob(
        slide=slide,
        out=folder / name,
        network=None,  # type: ignore[arg-type]
        config=load_config(overrides=[f"prediction.format={format}"]),
        channels=(2, 0),
        channel_names={"vessels": "SpGreen", "nuclei": "DAPI"},
        frame=frame,
        pixels=height * width,
        region=region,
        mask=None,
    )


def test_ome_types_reads_names_and_colours(tmp_path: Path) -> None:
    made = job(tmp_path)
    path = with_inputs(made, overwrite=False)
    assert path == tmp_path / "with-inputs" / "a.ome.tif"
    ome = ome_types.from_tiff(path)
    found = ome.images[0].pixels
    assert [channel.name for channel in found.channels] == NAMES
    found_colours = [channel.color.as_rgb_tuple(alpha=False) for channel in found.channels]
    colours = ["".join(f"{part:02X}" for part in colour) for colour in found_colours]
    assert colours == COLOURS
    assert (found.physical_size_x, found.physical_size_x_unit.value) == (0.5, "µm")
    with tifffile.TiffFile(path) as tif:
        assert tif.series[0].axes == "CYX"
        planes = tif.asarray()
    assert planes.dtype == np.float32
    stored, predicted = pixels(made.slide), pixels(made.out)
    np.testing.assert_array_equal(planes[0], stored[..., 2])
    np.testing.assert_array_equal(planes[1], stored[..., 0])
    np.testing.assert_array_equal(np.moveaxis(planes[2:], 0, -1), predicted)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_the_ome_zarr_reader_reads_names_colours_and_ranges(tmp_path: Path, version: str) -> None:
    path = with_inputs(job(tmp_path, "a.ome.zarr", version=version), overwrite=False)
    (node,) = list(Reader(parse_url(path))())
    found: dict[str, Any] = node.metadata
    assert found["channel_names"] == NAMES
    assert found["visible"] == [True, True, True, False, False]
    colours = [
        "".join(f"{round(part * 255):02X}" for part in cmap[-1]) for cmap in found["colormap"]
    ]
    assert colours == COLOURS
    ranges = found["contrast_limits"]
    assert ranges[2] == pytest.approx([1, 98.8], abs=0.5)
    assert ranges[3] == ranges[4] == ranges[2]  # bounds can be compared with the prediction
    assert ranges[0] == pytest.approx([2, 255], abs=1)


def test_the_type_holds_both_exactly(tmp_path: Path) -> None:
    path = with_inputs(job(tmp_path, dtype="uint16"), overwrite=False)
    with open_slide(path) as slide:
        assert slide.info.dtype == np.uint16


def test_inputs_are_on_the_pixels_of_the_prediction(tmp_path: Path) -> None:
    """Of a region, and of a slide that was resampled to twice the pixel size."""
    region = Region(20, 40, 60, 70)
    made = job(tmp_path, region=region)
    found, stored = pixels(with_inputs(made, overwrite=False)), pixels(made.slide)
    np.testing.assert_array_equal(found[..., 0], stored[20:80, 40:110, 2])
    coarse = job(tmp_path, "b.ome.tif", Frame(1.0, 0, 2.0, 0.5), dtype="uint8")
    path = with_inputs(coarse, overwrite=False)
    with open_slide(path) as slide:
        assert (slide.info.pixel_size_um, slide.info.dtype) == (1.0, np.uint8)
        assert slide.info.position_um == (10.0, 20.0)
    means = stored[:150, :200, 2].reshape(75, 2, 100, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(pixels(path)[:75, :100, 0], means, atol=0.51)


def test_the_origin_is_that_of_the_prediction(tmp_path: Path) -> None:
    made = job(tmp_path)
    found = read_provenance(with_inputs(made, overwrite=False))
    assert found["model"] == "1f0c"
    assert found["display"][NAMES[2]]["colour"] == COLOURS[2]


def test_omero_gets_names_and_colours_from_the_file_and_ranges_from_beside_it(
    tmp_path: Path,
) -> None:
    """What ``omero import`` reads is Name and Color; ``omero render set`` takes the rest."""
    path = with_inputs(job(tmp_path), overwrite=False)
    settings = yaml.safe_load(path.with_name("a.render.yml").read_text())
    assert (settings["version"], settings["greyscale"]) == (2, False)
    display = read_provenance(path)["display"]
    channels = ome_types.from_tiff(path).images[0].pixels.channels
    assert list(settings["channels"]) == list(range(1, len(channels) + 1))
    for channel, one in zip(channels, settings["channels"].values(), strict=True):
        assert set(one) == {"label", "color", "start", "end", "active"}
        assert one["label"] == channel.name
        rgb = channel.color.as_rgb_tuple()[:3]
        assert one["color"] == "".join(f"{part:02X}" for part in rgb)
        ends = pytest.approx(display[channel.name]["range"], rel=1e-5)
        assert [one["start"], one["end"]] == ends
    assert [one["active"] for one in settings["channels"].values()] == [True] * 3 + [False] * 2


def test_one_of_another_prediction_is_not_replaced(tmp_path: Path) -> None:
    made = job(tmp_path)
    path = with_inputs(made, overwrite=False)
    before = path.stat().st_mtime_ns
    assert with_inputs(made, overwrite=False).stat().st_mtime_ns == before
    write_slide(
        made.out,
        pixels(made.out) + 1,
        channels=OUTPUTS,
        pixel_size_um=0.5,
        provenance={"model": "2"},
        overwrite=True,
    )
    with pytest.raises(OutputExistsError, match="of another prediction"):
        with_inputs(made, overwrite=False)
    assert path.stat().st_mtime_ns == before
    assert read_provenance(with_inputs(made, overwrite=True))["model"] == "2"


def test_through_the_command(run: Path, tmp_path: Path) -> None:
    """Also of a folder, in which one file cannot be read."""
    folder = tmp_path / "new"
    folder.mkdir()
    for seed, name in enumerate("xy"):
        write(folder / f"{name}.ome.tif", seed)
    (folder / "broken.tif").write_bytes(b"II*\0garbage")
    arguments = ["predict", folder, "--run", run, "--workers", "0", "--quiet"]
    first = hrpn_tf(*arguments)
    assert first.exit_code == 1
    assert "1 of 3 slides failed; the others are done" in first.err
    out = run / "predictions"
    assert sorted(path.name for path in out.iterdir()) == ["x.ome.tif", "y.ome.tif"]
    assert hrpn_tf(*arguments, "--with-inputs").exit_code == 1  # what is predicted is not again
    for name in ("x.ome.tif", "y.ome.tif"):
        with open_slide(combined_path(out / name)) as slide:
            assert slide.info.channels == ("vessels", "nuclei", "qd (predicted)")
    one = ["predict", folder / "x.ome.tif", "--run", run, "--with-inputs", "--quiet"]
    assert hrpn_tf(*one).exit_code == 0
    (out / "x.ome.tif").unlink()
    assert "exists, but not its prediction" in hrpn_tf(*one).err
