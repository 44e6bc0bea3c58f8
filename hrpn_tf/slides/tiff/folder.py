"""Slides in a folder with one TIFF per channel; the channel's name is the file's name."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from hrpn_tf.errors import ChannelSizeError, PixelSizeError, SlideFormatError
from hrpn_tf.slides.malformed import as_named_error
from hrpn_tf.slides.planes import CACHE_BYTES, SegmentCache
from hrpn_tf.slides.slide import ClosedOnExit, SlideInfo, check_window
from hrpn_tf.slides.tiff.reader import TiffSlide

_SUFFIXES = (".ome.tif", ".ome.tiff", ".tif", ".tiff")


class FolderSlide(ClosedOnExit):
    """A folder with one single-channel TIFF per channel, e.g. ``SLIDE/DAPI.tif``.

    Channels are in the alphabetical order of the files. See
    :class:`~hrpn_tf.slides.slide.Slide`, and :class:`~hrpn_tf.slides.tiff.reader.TiffSlide` for
    what each file may be.

    Raises:
        SlideFormatError: no TIFF in the folder, or a file of several channels.
        ChannelSizeError: the files differ in size or type.
        PixelSizeError: the files state different pixel sizes.
    """

    info: SlideInfo

    def __init__(
        self,
        path: Path,
        cache_bytes: int = CACHE_BYTES,
        channel_files: Mapping[str, Path] | None = None,
    ) -> None:
        """Open the TIFFs of a folder, or those given by channel for a slide of this path."""
        self._path = Path(path)
        cache = SegmentCache(cache_bytes)
        with ExitStack() as stack, as_named_error(self._path, "a TIFF"):
            files = channel_files or _channel_files(self._path)
            self._slides = [stack.enter_context(TiffSlide(file, cache)) for file in files.values()]
            self.info = _combine(self._path, tuple(files), [slide.info for slide in self._slides])
            self._close = stack.pop_all()

    def read(
        self, y: int, x: int, height: int, width: int, channels: Sequence[int], level: int = 0
    ) -> np.ndarray:
        """See :meth:`~hrpn_tf.slides.slide.Slide.read`."""
        check_window(self.info, y, x, height, width, channels, level)
        out = np.empty((height, width, len(channels)), self.info.dtype)
        for index, channel in enumerate(channels):
            slide = self._slides[channel]
            own_level = slide.info.levels.index(self.info.levels[level])
            out[..., index] = slide.read(y, x, height, width, [0], own_level)[..., 0]
        return out

    def close(self) -> None:
        """Close all files."""
        self._close.close()


def channel_suffix(file: Path) -> str:
    """Suffix of a file that holds a channel, by which a folder's files are its channels."""
    return next((s for s in _SUFFIXES if file.name.lower().endswith(s)), file.suffix)


def _channel_files(folder: Path) -> dict[str, Path]:
    """TIFF files of a folder by channel name, in alphabetical order; hidden files are no slides."""
    found: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        suffix = next((s for s in _SUFFIXES if file.name.lower().endswith(s)), None)
        if suffix is None or file.name.startswith(".") or not file.is_file():
            continue
        name = file.name[: -len(suffix)]
        if name in found:
            raise SlideFormatError(f"{folder}: two files for channel '{name}'; keep one of them")
        found[name] = file
    if not found:
        raise SlideFormatError(f"{folder}: holds no TIFF file; a slide folder has one per channel")
    return found


def _combine(path: Path, names: tuple[str, ...], infos: Sequence[SlideInfo]) -> SlideInfo:
    first = infos[0]
    for info in infos:
        if len(info.files) > 1:
            raise SlideFormatError(
                f"{path}: holds the parts of a slide in several files; open {info.path.name} itself"
            )
        if len(info.channels) != 1:
            raise SlideFormatError(
                f"{info.path}: holds {len(info.channels)} channels; in a slide folder each file "
                "is one channel"
            )
        if (info.height, info.width, info.dtype) != (first.height, first.width, first.dtype):
            raise ChannelSizeError(
                f"{path}: channels differ: {first.path.name} is {first.height} x {first.width} "
                f"{first.dtype}, {info.path.name} is {info.height} x {info.width} {info.dtype}"
            )
    shared = [
        (factor, shape)
        for factor, shape in zip(first.levels, first.level_shapes, strict=True)
        if all((factor, shape) in zip(i.levels, i.level_shapes, strict=True) for i in infos)
    ]
    return SlideInfo(
        path=path,
        height=first.height,
        width=first.width,
        channels=names,
        dtype=first.dtype,
        pixel_size_um=_common_pixel_size(path, infos),
        levels=tuple(factor for factor, _ in shared),
        level_shapes=tuple(shape for _, shape in shared),
        position_um=next((i.position_um for i in infos if i.position_um is not None), None),
        format=f"folder of {len(infos)} TIFF files",
        files=tuple(dict.fromkeys(file for info in infos for file in info.files)),
        segment_bytes=max(info.segment_bytes for info in infos),
        planes=max(info.planes for info in infos),
        depth=next((info.depth for info in infos if info.depth is not None), None),
    )


def _common_pixel_size(path: Path, infos: Sequence[SlideInfo]) -> float | None:
    """The pixel size that the files state; those that state none say nothing."""
    sizes = [info.pixel_size_um for info in infos if info.pixel_size_um is not None]
    if not sizes:
        return None
    if max(sizes) > 1.01 * min(sizes):
        raise PixelSizeError(
            f"{path}: its files state different pixel sizes ({min(sizes):g} and {max(sizes):g} um)"
        )
    return sizes[0]
