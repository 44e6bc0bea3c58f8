"""Small valid files of every kind, which are then damaged."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SHAPE = (96, 130)
CHANNELS = ("CD31", "DAPI", "QD")
ROLES = "vessels,nuclei,qd"

# Each takes an empty folder and fills it; every file or folder in it is one sample.
Maker = Callable[[Path], None]


def image(channels: int = 3, dtype: str = "uint8") -> np.ndarray:
    """(channels, H, W) smooth enough to compress."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    planes = [(np.sin(y / (5 + c)) + np.cos(x / 7)) * 50 + 110 for c in range(channels)]
    return np.stack(planes).astype(dtype)


def tiff(folder: Path) -> None:
    """OME-TIFF with levels, plain, ImageJ, RGB, and the usual codecs."""
    import tifffile

    from hrpn_tf.slides import write_slide

    planes = image()
    write_slide(
        folder / "own.ome.tif", np.moveaxis(planes, 0, -1), channels=CHANNELS, pixel_size_um=0.5,
        provenance={"by": "a test"},
    )  # fmt: skip
    metadata: Any = {"axes": "CYX", "Channel": {"Name": list(CHANNELS)}, "PhysicalSizeX": 0.5,
                     "PhysicalSizeY": 0.5}  # fmt: skip
    with tifffile.TiffWriter(folder / "levels.ome.tif", ome=True) as file:
        file.write(planes, subifds=2, metadata=metadata, tile=(32, 32), compression="zlib")
        file.write(planes[:, ::2, ::2], subfiletype=1, tile=(32, 32), compression="zlib")
        file.write(planes[:, ::4, ::4], subfiletype=1, tile=(32, 32), compression="zlib")
    tifffile.imwrite(folder / "plain.tif", planes[0], rowsperstrip=16)
    tifffile.imwrite(folder / "big.tif", planes, bigtiff=True, photometric="minisblack")
    tifffile.imwrite(folder / "imagej.tif", planes.astype("uint16"), imagej=True,
                     resolution=(2.0, 2.0), metadata={"axes": "CYX", "unit": "um"})  # fmt: skip
    for codec in ("lzw", "packbits", "jpeg", "zstd", "lzma", "jpeg2000", "webp", "png", "lerc",
                  "jpegxr", "jpegxl"):  # fmt: skip
        try:
            tifffile.imwrite(folder / f"{codec}.tif", planes[0], tile=(32, 32), compression=codec)
        except (ValueError, ImportError, RuntimeError):
            (folder / f"{codec}.tif").unlink(missing_ok=True)  # not in this build of the codecs


def zarr(folder: Path) -> None:
    """OME-Zarr of both versions, one with shards, one with blosc."""
    from hrpn_tf.slides import write_slide

    pixels = np.moveaxis(image(), 0, -1)
    write_slide(folder / "own.ome.zarr", pixels, channels=CHANNELS, pixel_size_um=0.5,
                provenance={})  # fmt: skip
    options: dict[str, dict[str, Any]] = {
        "v2": {"chunks": (1, 32, 32)}, "v3": {"chunks": (1, 32, 32)},
        "sharded": {"chunks": (1, 16, 16), "shards": (1, 64, 64)},
    }  # fmt: skip
    for name, extra in options.items():
        _zarr_image(folder / f"{name}.ome.zarr", 2 if name == "v2" else 3, extra)


def _zarr_image(folder: Path, version: int, options: dict[str, Any]) -> None:
    import zarr as library

    folder.mkdir()
    for level in range(2):
        planes = image()[:, :: 2**level, :: 2**level]
        array = library.create_array(
            str(folder / str(level)), shape=planes.shape, dtype=planes.dtype, zarr_format=version,
            **({"chunk_key_encoding": {"name": "v2", "separator": "/"}} if version == 2 else {}),
            **options,
        )  # fmt: skip
        array[...] = planes
    axes = [{"name": "c", "type": "channel"}]
    axes += [{"name": n, "type": "space", "unit": "micrometer"} for n in "yx"]
    datasets = [
        {"path": str(level), "coordinateTransformations": [
            {"type": "scale", "scale": [1.0, 0.5 * 2**level, 0.5 * 2**level]}]}
        for level in range(2)
    ]  # fmt: skip
    multiscales = [{"axes": axes, "datasets": datasets, "name": "image"}]
    omero = {"channels": [{"label": n, "color": "FF0000"} for n in CHANNELS]}
    if version == 2:
        values: dict[str, Any] = {"multiscales": [{"version": "0.4", **multiscales[0]}]}
        (folder / ".zgroup").write_text('{"zarr_format": 2}', encoding="utf-8")
        (folder / ".zattrs").write_text(json.dumps({**values, "omero": omero}), encoding="utf-8")
        return
    values = {"ome": {"version": "0.5", "multiscales": multiscales, "omero": omero}}
    group = {"zarr_format": 3, "node_type": "group", "attributes": values}
    (folder / "zarr.json").write_text(json.dumps(group), encoding="utf-8")


def geojson(folder: Path) -> None:
    """Outlines as QuPath exports them."""
    ring = [[10, 10], [80, 12], [90, 70], [20, 60], [10, 10]]
    hole = [[30, 30], [40, 30], [40, 40], [30, 30]]
    shapes = {
        "polygon": {"type": "Polygon", "coordinates": [ring, hole]},
        "several": {"type": "MultiPolygon", "coordinates": [[ring], [hole]]},
    }
    for name, geometry in shapes.items():
        feature = {
            "type": "Feature", "id": "1", "geometry": geometry,
            "properties": {"objectType": "annotation", "name": "edge",
                           "classification": {"name": "Tumor", "color": [200, 0, 0]}},
        }  # fmt: skip
        values = {"type": "FeatureCollection", "features": [feature, feature]}
        (folder / f"{name}.geojson").write_text(json.dumps(values), encoding="utf-8")


def slide_list(folder: Path) -> None:
    """Lists, each in a folder with its slides."""
    import yaml

    from hrpn_tf.slides import write_slide

    rows = [
        {"slide": f"{n}.tif", "group": g, "name": n, "vessels": "CD31", "nuclei": "1", "qd": "QD"}
        for n, g in (("a", "m1"), ("b", "m2"), ("c", "m3"))
    ]
    for name in ("csv", "yaml"):
        (inside := folder / name).mkdir()
        for row in rows:
            write_slide(
                inside / row["slide"], np.moveaxis(image()[:, :40, :40], 0, -1),
                channels=CHANNELS, pixel_size_um=0.5, provenance={},
            )  # fmt: skip
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    (folder / "csv" / "slides.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "yaml" / "slides.yaml").write_text(yaml.safe_dump(rows), encoding="utf-8")


def configuration(folder: Path) -> None:
    """The resolved configuration, and a short one."""
    from hrpn_tf.config import load_config, to_yaml

    (folder / "whole.yaml").write_text(to_yaml(load_config()), encoding="utf-8")
    short = "data:\n  inputs: [vessels, nuclei]\n  patch: 128\ntraining:\n  batch_size: 4\n"
    (folder / "short.yaml").write_text(short, encoding="utf-8")


def run_folder(folder: Path) -> None:
    """The text files of a run."""
    from hrpn_export import Contract

    from hrpn_tf.config import load_config, to_yaml

    run = folder / "run"
    run.mkdir()
    subsets = {
        name: {"groups": [group], "slides": [f"{group}-1"]}
        for name, group in (("train", "a"), ("validation", "b"), ("test", "c"))
    }
    texts = {
        "hrpn.yaml": to_yaml(load_config()),
        "split.json": json.dumps(subsets),
        "store.json": json.dumps({"path": "patches", "fingerprint": "0"}),
        "contract.json": Contract(
            ("vessels", "nuclei"), ("qd",), 0.5, 4, 41, True, 255.0
        ).to_json(),
        "resources.json": json.dumps({"seconds": 1.0, "memory_mb": 100.0}),
        "environment.json": json.dumps({"python": "3", "packages": {"keras": "3"}}),
        "history.csv": "epoch,loss,val_loss\n1,2.0,3.0\n2,1.0,2.0\n",
    }
    for name, text in texts.items():
        (run / name).write_text(text, encoding="utf-8")
