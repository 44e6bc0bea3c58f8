"""The directories of a TIFF file (IFDs: one per page or level), checked before they are believed.

tifffile reads every directory with all its tags into memory. A file of a few megabytes can hold
tens of thousands of directories, name one a million times, or lead from one back to itself. So the
directories are counted here first; what exceeds any slide's is refused.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hrpn_tf.errors import SlideFormatError
from hrpn_tf.slides.planes import MIB, read_bytes

# 1024 channels with a few levels each; tifffile reads about 5000 directories in a second.
MAX_DIRECTORIES = 4096
_MAX_TAGS = 4096  # in a directory, as in tifffile
_MAX_TAGS_IN_ALL = 200_000
# Offsets and lengths of strips and tiles, mostly: 50 channels of 200 000 x 200 000 px.
_MAX_NUMBERS = 8_000_000
_MAX_TEXT = 128 * MIB
_MAX_PLANES_OF_STK = 4096

_SUBDIRECTORIES = 330
_TEXTS = (270, 305, 306, 315, 347, 42113, 50839, 51123)
_STK = (33628, 33629, 33630, 33631)
_NUMBER_BYTES = np.zeros(19, np.int64)
_NUMBER_BYTES[[3, 8]] = 2
_NUMBER_BYTES[[4, 9, 11, 13]] = 4
_NUMBER_BYTES[[5, 10, 12, 16, 17, 18]] = 8
_TEXT_TYPES = (1, 2, 6, 7)


@dataclass(frozen=True)
class _Form:
    """How numbers are stored: in classic TIFF, or in BigTIFF."""

    order: str
    big: bool

    @property
    def offset(self) -> np.dtype:
        return np.dtype(self.order + ("u8" if self.big else "u4"))

    @property
    def count(self) -> np.dtype:
        return np.dtype(self.order + ("u8" if self.big else "u2"))

    @property
    def tag(self) -> np.dtype:
        wide = self.order + ("u8" if self.big else "u4")
        names = ("code", "type", "count", "value")
        return np.dtype(list(zip(names, (f"{self.order}u2",) * 2 + (wide,) * 2, strict=True)))


def refuse_absurd(path: Path) -> None:
    """Refuse a TIFF file whose directories are circular, or more than any slide has.

    A chain of directories that breaks off is not refused: tifffile takes those up to there.

    Args:
        path: of the file.

    Raises:
        SlideFormatError: says what there is too much of.
        OSError: the file cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        tags = numbers = text = 0
        walk = _Walk(path, descriptor)
        for count, found in enumerate(walk.directories(), start=1):
            tags += len(found)
            kinds = np.minimum(found["type"], len(_NUMBER_BYTES) - 1)
            # what does not fit into the file is not read
            counts = np.minimum(found["count"].astype(np.uint64), walk.size + 1).astype(np.int64)
            widths = _NUMBER_BYTES[kinds]
            numbers += int(counts[(widths > 0) & (counts * widths <= walk.size)].sum())
            is_text = np.isin(kinds, _TEXT_TYPES) & np.isin(found["code"], _TEXTS)
            text += int(counts[is_text & (counts <= walk.size)].sum())
            _refuse_more(path, count, MAX_DIRECTORIES, "pages")
            _refuse_more(path, tags, _MAX_TAGS_IN_ALL, "tags")
            _refuse_more(path, numbers, _MAX_NUMBERS, "numbers in its tags")
            _refuse_more(path, text, _MAX_TEXT, "bytes of text in its tags")
            planes = counts[np.isin(found["code"], _STK)]
            _refuse_more(path, int(planes.max(initial=0)), _MAX_PLANES_OF_STK, "planes")
    finally:
        os.close(descriptor)


def _refuse_more(path: Path, found: int, most: int, what: str) -> None:
    if found > most:
        raise SlideFormatError(
            f"{path}: holds more than {most} {what}, which is no set of channels; save one plane "
            "with its channels as a file of its own"
        )


class _Walk:
    """Goes from directory to directory."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path, self._descriptor = path, descriptor
        self.size = os.fstat(descriptor).st_size
        start = os.pread(descriptor, 16, 0)
        order = {b"II": "<", b"MM": ">"}.get(start[:2])
        if order is None or len(start) < 8:  # not a TIFF, as tifffile will say
            self.size, order = 0, "<"
        self._form = _Form(order, big=start[2:4] in (b"+\0", b"\0+"))
        self._first = 8 if self._form.big else 4

    def directories(self) -> Iterator[np.ndarray]:
        """The tags of each directory: first those of the chain, each followed by its own."""
        offset = self._number(self._first, self._form.offset)
        seen: set[int] = set()
        while offset:
            if offset in seen:
                raise SlideFormatError(f"{self._path}: malformed: its chain of pages is circular")
            seen.add(offset)
            tags = self._tags(offset)
            if tags is None:
                return
            yield tags
            yield from self._below(tags)
            end = offset + self._form.count.itemsize + tags.nbytes
            offset = self._number(end, self._form.offset)

    def _below(self, tags: np.ndarray) -> Iterator[np.ndarray]:
        """The directories that one names; tifffile follows no names in those."""
        for tag in tags[tags["code"] == _SUBDIRECTORIES]:
            count, kind = int(tag["count"]), min(int(tag["type"]), len(_NUMBER_BYTES) - 1)
            _refuse_more(self._path, count, MAX_DIRECTORIES, "levels")
            width = int(_NUMBER_BYTES[kind])
            if width not in (2, 4, 8) or kind not in (3, 4, 13, 16, 18):
                continue
            value = tag["value"].astype(self._form.offset).tobytes()
            if count * width > len(value):
                at = int(tag["value"])
                if at + count * width > self.size:
                    continue
                value = read_bytes(self._path, self._descriptor, at, count * width)
            dtype = np.dtype(f"{self._form.order}u{width}")
            for offset in np.frombuffer(value[: count * width], dtype):
                below = self._tags(int(offset))
                if below is not None:
                    yield below

    def _tags(self, offset: int) -> np.ndarray | None:
        """The tags of the directory at an offset; None where the file ends before it does."""
        count = self._number(offset, self._form.count)
        start = offset + self._form.count.itemsize
        length = count * self._form.tag.itemsize
        if offset < 8 or start > self.size or start + length > self.size:
            return None
        _refuse_more(self._path, count, _MAX_TAGS, "tags in a page")
        encoded = read_bytes(self._path, self._descriptor, start, length)
        return np.frombuffer(encoded, self._form.tag)

    def _number(self, offset: int, dtype: np.dtype) -> int:
        """A number of the file; 0 where it ends before."""
        if offset + dtype.itemsize > self.size:
            return 0
        encoded = read_bytes(self._path, self._descriptor, offset, dtype.itemsize)
        return int(np.frombuffer(encoded, dtype)[0])
