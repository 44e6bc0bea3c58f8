"""CZI through bioio, where the extra is installed; ND2 and LIF with a stand-in for bioio."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from support.places import ROOT

from hrpn_tf.errors import NonFinitePixelsError, PixelSizeError, RgbSlideError, SlideFormatError
from hrpn_tf.slides import open_slide

IMAGE = np.random.default_rng(0).integers(0, 60_000, (2, 70, 90)).astype(np.uint16)
# `uv pip install --target .venv/bioio bioio bioio-czi bioio-nd2 bioio-lif pylibCZIrw` puts the
# extra, and a library that writes CZI, beside the environment of development.
BESIDE = ROOT / ".venv" / "bioio"


@pytest.fixture
def czi(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(sys, "path", [*sys.path, str(BESIDE)])
    pytest.importorskip("bioio_czi")
    return pytest.importorskip("pylibCZIrw.czi")


def write_czi(
    czi: Any,
    path: Path,
    image: np.ndarray = IMAGE,
    tile: int = 30,
    scale_x: float = 0.5e-6,
    **at: Any,
) -> Path:
    with czi.create_czi(str(path)) as document:
        for channel, plane in enumerate(image):
            for y in range(0, plane.shape[0], tile):
                for x in range(0, plane.shape[1], tile):
                    pixels = plane[y : y + tile, x : x + tile]
                    document.write(
                        pixels if pixels.ndim == 3 else pixels[..., None],
                        location=(x, y),
                        plane={"C": channel, "Z": at.get("z", 0), "T": at.get("t", 0)},
                    )
            if "scene" in at:
                document.write(
                    plane[..., None], (500, 0), {"C": channel, "Z": 0, "T": 0}, scene=at["scene"]
                )
            if "z" in at or "t" in at:
                document.write(plane[..., None], plane={"C": channel, "Z": 0, "T": 0})
        document.write_metadata(
            channel_names={0: "CD31", 1: "DAPI"}, scale_x=scale_x, scale_y=0.5e-6
        )
    return path


def test_czi(czi: Any, tmp_path: Path) -> None:
    with open_slide(write_czi(czi, tmp_path / "a.czi")) as slide:
        info = slide.info
        assert (info.height, info.width, info.dtype) == (70, 90, np.dtype("uint16"))
        assert info.channels == ("CD31", "DAPI")
        assert info.pixel_size_um == pytest.approx(0.5)
        assert (info.format, info.levels, info.segment_bytes) == ("CZI", (1.0,), 30 * 30 * 2)
        found = slide.read(0, 0, 70, 90, [1, 0])
        np.testing.assert_array_equal(np.moveaxis(found, -1, 0), IMAGE[::-1])
        found = slide.read(25, 31, 40, 29, [0])
        np.testing.assert_array_equal(found[..., 0], IMAGE[0, 25:65, 31:60])


def test_a_window_of_a_czi_decodes_the_tiles_it_touches(czi: Any, tmp_path: Path) -> None:
    with open_slide(write_czi(czi, tmp_path / "a.czi")) as slide:
        slide.read(31, 31, 29, 10, [0])
        assert slide._cache._bytes == 30 * 30 * 2


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"scene": 1}, SlideFormatError, "2 scenes"),
        ({"z": 1}, SlideFormatError, "2 planes in depth"),
        ({"t": 1}, SlideFormatError, "2 time points"),
        ({"image": np.zeros((1, 40, 40, 3), np.uint8)}, RgbSlideError, "RGB picture"),
        ({"scale_x": 0.7e-6}, PixelSizeError, "not square"),
    ],
    ids=["scenes", "depth", "time", "rgb", "not square"],
)
def test_czi_of_more_than_channels(
    czi: Any, tmp_path: Path, options: dict[str, Any], error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        open_slide(write_czi(czi, tmp_path / "a.czi", **options))


@pytest.mark.parametrize("kept", [0, 10, 2000, 0.5])
def test_truncated_czi(czi: Any, tmp_path: Path, kept: float) -> None:
    content = write_czi(czi, tmp_path / "a.czi").read_bytes()
    (tmp_path / "b.czi").write_bytes(content[: int(kept if kept > 1 else kept * len(content))])
    with pytest.raises(SlideFormatError, match=r"b\.czi: truncated, malformed or") as caught:
        open_slide(tmp_path / "b.czi")
    assert "\n" not in str(caught.value)


class Lazy:
    """As much of an xarray of dask as is used, over an array; counts what is computed."""

    def __init__(self, array: np.ndarray, dims: str, chunk: tuple[int, int]) -> None:
        self.array, self.dims, self.computed = array, tuple(dims), []
        self.sizes = dict(zip(dims, array.shape, strict=True))
        self._chunk = dict(zip("YX", chunk, strict=True))

    @property
    def data(self) -> "Chunked":
        return Chunked(self.array, [self._chunk.get(axis, 1) for axis in self.dims], self.computed)

    def isel(self, indices: dict[str, int]) -> "Lazy":
        index = tuple(indices.get(axis, slice(None)) for axis in self.dims)
        kept = "".join(axis for axis in self.dims if axis not in indices)
        return self._with(self.array[index], kept)

    def transpose(self, *dims: str) -> "Lazy":
        order = [self.dims.index(axis) for axis in dims]
        return self._with(self.array.transpose(order), "".join(dims))

    def _with(self, array: np.ndarray, dims: str) -> "Lazy":
        found = type(self)(array, dims, tuple(self._chunk.values()))
        found.computed = self.computed
        return found


class Chunked:
    def __init__(self, array: np.ndarray, sizes: list[int], computed: list[Any]) -> None:
        self.array, self.sizes, self.computed = array, sizes, computed
        self.ndim, self.shape, self.dtype = array.ndim, array.shape, array.dtype
        self.chunks = tuple(
            tuple(min(size, n - start) for start in range(0, n, size))
            for n, size in zip(array.shape, sizes, strict=True)
        )
        self.blocks = self

    def __getitem__(self, index: Any) -> Any:
        if index is None or isinstance(index, int):
            sizes = [1, *self.sizes] if index is None else self.sizes[1:]
            return Chunked(self.array[index], sizes, self.computed)
        row, column = (i * size for i, size in zip(index, self.sizes, strict=True))
        block = self.array[row : row + self.sizes[0], column : column + self.sizes[1]]

        def compute(scheduler: str) -> np.ndarray:
            self.computed.append(index)
            return block

        return SimpleNamespace(compute=compute)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What bioio.BioImage says about the next file that is opened; a test may change it."""
    image = SimpleNamespace(
        scenes=("Image:0",),
        channel_names=["CD31", "DAPI"],
        physical_pixel_sizes=SimpleNamespace(Z=None, Y=0.5, X=0.5),
        xarray_dask_data=Lazy(IMAGE[None, :, None], "TCZYX", (32, 64)),
    )
    bioio = ModuleType("bioio")
    bioio.BioImage = lambda path, reader: image  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "bioio", bioio)
    for name in ("bioio_nd2", "bioio_lif"):
        plugin = ModuleType(name)
        plugin.Reader = object  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, name, plugin)
    return image


@pytest.mark.parametrize(("name", "format"), [("a.nd2", "ND2"), ("a.LIF", "LIF")])
def test_nd2_and_lif(tmp_path: Path, stand_in: SimpleNamespace, name: str, format: str) -> None:
    (tmp_path / name).write_bytes(b"")
    with open_slide(tmp_path / name) as slide:
        assert slide.info.format == format
        assert slide.info.channels == ("CD31", "DAPI")
        assert slide.info.pixel_size_um == 0.5
        assert slide.info.segment_bytes == 32 * 64 * 2
        found = slide.read(33, 3, 20, 60, [1])
        np.testing.assert_array_equal(found[..., 0], IMAGE[1, 33:53, 3:63])
        assert stand_in.xarray_dask_data.computed == [(1, 0)]
        found = slide.read(0, 0, 70, 90, [1, 0])
        np.testing.assert_array_equal(np.moveaxis(found, -1, 0), IMAGE[::-1])
        assert len(stand_in.xarray_dask_data.computed) == 12  # each chunk once


def test_one_channel_without_names_or_pixel_size(tmp_path: Path, stand_in: SimpleNamespace) -> None:
    stand_in.xarray_dask_data = Lazy(IMAGE[0], "YX", (70, 90))
    stand_in.channel_names = None
    stand_in.physical_pixel_sizes = SimpleNamespace(Z=None, Y=None, X=None)
    (tmp_path / "a.nd2").write_bytes(b"")
    with open_slide(tmp_path / "a.nd2") as slide:
        assert (slide.info.channels, slide.info.pixel_size_um) == (("0",), None)
        np.testing.assert_array_equal(slide.read(5, 6, 7, 8, [0])[..., 0], IMAGE[0, 5:12, 6:14])


@pytest.mark.parametrize("z", [2, "max", "mean"])
def test_a_plane_or_a_projection_of_a_stack(
    tmp_path: Path, stand_in: SimpleNamespace, z: int | str
) -> None:
    dask = pytest.importorskip("dask.array")
    stack = np.stack([IMAGE, IMAGE[:, ::-1], IMAGE[..., ::-1]])  # (Z, C, Y, X)

    class OfDask(Lazy):
        @property
        def data(self) -> Any:
            return dask.from_array(self.array, [self._chunk.get(a, 1) for a in self.dims])

    stand_in.xarray_dask_data = OfDask(stack.transpose(1, 0, 2, 3)[None], "TCZYX", (32, 64))
    (tmp_path / "a.nd2").write_bytes(b"")
    wanted = {2: stack[1], "max": stack.max(axis=0), "mean": np.rint(stack.mean(axis=0))}[z]
    with open_slide(tmp_path / "a.nd2", z=z) as slide:
        assert (slide.info.planes, slide.info.depth, slide.info.dtype) == (3, z, IMAGE.dtype)
        found = slide.read(30, 3, 20, 70, [1, 0])
    np.testing.assert_array_equal(np.moveaxis(found, -1, 0), wanted[::-1, 30:50, 3:73])


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"scenes": ("a", "b", "c")}, "3 scenes, where one slide is wanted"),
        ({"xarray_dask_data": Lazy(np.zeros((1, 2, 5, 4, 4)), "TCZYX", (4, 4))}, "5 planes in dep"),
        ({"xarray_dask_data": Lazy(np.zeros((2, 4, 4), np.int32), "CYX", (4, 4))}, "type int32"),
        ({"xarray_dask_data": Lazy(np.zeros((2, 0, 4), np.uint8), "CYX", (4, 4))}, "0 x 4 px"),
        (
            {
                "xarray_dask_data": Lazy(
                    np.broadcast_to(np.uint8(0), (1, 30_000, 30_000)), "CYX", (30_000, 30_000)
                )
            },
            "tiles of 30000 x 30000 px are too large",
        ),
    ],
)
def test_what_is_refused(
    tmp_path: Path, stand_in: SimpleNamespace, change: dict[str, Any], match: str
) -> None:
    vars(stand_in).update(change)
    (tmp_path / "a.nd2").write_bytes(b"")
    with pytest.raises(SlideFormatError, match=match):
        open_slide(tmp_path / "a.nd2")


def test_pixels_that_are_not_finite(tmp_path: Path, stand_in: SimpleNamespace) -> None:
    image = IMAGE.astype(np.float32)
    image[1, 40, 50] = np.nan
    stand_in.xarray_dask_data = Lazy(image, "CYX", (32, 64))
    (tmp_path / "a.lif").write_bytes(b"")
    with (
        open_slide(tmp_path / "a.lif") as slide,
        pytest.raises(NonFinitePixelsError, match="row 40, column 50"),
    ):
        slide.read(30, 30, 40, 40, [0, 1])


@pytest.mark.parametrize("name", ["a.czi", "a.nd2", "a.lif"])
def test_without_the_extra_the_error_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(sys.modules, "bioio", None)
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(SlideFormatError, match=r"run: pip install 'hrpn-tf\[bioio\]'"):
        open_slide(tmp_path / name)
