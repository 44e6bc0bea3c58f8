"""Read the size of a JPEG XL picture (ISO/IEC 18181-1), and that it is one plain frame."""

from hrpn_tf.slides.tiff.codec_headers import Picture

_BOXES = b"\0\0\0\x0cJXL \r\n\x87\n"
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_GREY, _XYB = 1, 2
_CUSTOM = 2  # white point or primaries
_USES_OTHER_FRAME = 0x20


def jpegxl(encoded: bytes) -> Picture:
    """JPEG XL of one frame of the picture's size, without other channels than grey or colour.

    Anything else is refused, because a frame may be far larger than the picture, and because each
    further frame or channel takes time and memory that the size does not show.

    Raises:
        ValueError: malformed, or not as above.
    """
    bits = _Bits(encoded if encoded[:2] == b"\xff\x0a" else _codestream(encoded))
    bits.skip(16)
    height, width = _size(bits)
    if bits.flag():  # all default
        samples, depth, is_xyb = 3, 8, True
    else:
        samples, depth, is_xyb = _metadata(bits)
    if not bits.flag():
        raise ValueError("a transform of its own")
    bits.align()
    if not bits.flag():  # all default: one whole frame
        _refuse_other_frames(bits, is_xyb)
    return Picture(height, width, samples, depth, 40)


class _Bits:
    """Numbers of any number of bits, the lowest first."""

    def __init__(self, encoded: bytes) -> None:
        self._value = int.from_bytes(encoded[:512], "little")
        self._at, self._end = 0, 8 * min(len(encoded), 512)

    def number(self, count: int) -> int:
        if self._at + count > self._end:
            raise ValueError("a damaged header")
        found = self._value >> self._at & ((1 << count) - 1)
        self._at += count
        return found

    def flag(self) -> bool:
        return bool(self.number(1))

    def skip(self, count: int) -> None:
        self.number(count)

    def align(self) -> None:
        self.skip(-self._at % 8)

    def choice(self, *of: tuple[int, int]) -> int:
        """One of four: (bits that follow, what is added to them)."""
        count, base = of[self.number(2)]
        return base + self.number(count)

    def enumeration(self) -> int:
        return self.choice((0, 0), (0, 1), (4, 2), (6, 18))

    def long(self) -> int:
        """A number of up to 64 bits; those beyond 12 bits are refused."""
        kind = self.number(2)
        if kind == 3:
            raise ValueError("an unsupported header")
        return (0, 1, 17)[kind] + self.number((0, 4, 8)[kind])


def _codestream(encoded: bytes) -> bytes:
    """The codestream of a file of boxes that holds it in one piece."""
    if not encoded.startswith(_BOXES):
        raise ValueError("it does not begin as a JPEG XL")
    at = 0
    while at + 8 <= len(encoded):
        length, kind = int.from_bytes(encoded[at : at + 4], "big"), encoded[at + 4 : at + 8]
        if kind == b"jxlc" and length != 1:
            content = encoded[at + 8 : at + 8 + 512]
            if content[:2] == b"\xff\x0a":
                return content
        if kind in (b"jxlc", b"jxlp", b"jbrd") or length < 8:
            break
        at += length
    raise ValueError("its pixels are not in one piece")


def _size(bits: _Bits) -> tuple[int, int]:
    """(height, width), px."""
    small = bits.flag()
    sides = ((9, 1), (13, 1), (18, 1), (30, 1))
    height = 8 * (bits.number(5) + 1) if small else bits.choice(*sides)
    ratio = bits.number(3)
    if ratio:
        up, down = _RATIOS[ratio - 1]
        return height, height * up // down
    return height, 8 * (bits.number(5) + 1) if small else bits.choice(*sides)


def _metadata(bits: _Bits) -> tuple[int, int, bool]:
    """(samples, bits of each, whether colours are XYB)."""
    extra = bits.flag()
    if extra:
        bits.skip(3)  # orientation
        if bits.flag():  # size for display
            _size(bits)
        if bits.flag() or bits.flag():
            raise ValueError("a preview or an animation")
    is_float = bits.flag()
    if is_float:
        depth = bits.choice((0, 32), (0, 16), (0, 24), (6, 1))
        bits.skip(4)
    else:
        depth = bits.choice((0, 8), (0, 10), (0, 12), (6, 1))
    bits.skip(1)  # 16 bits are enough
    if bits.number(2):
        raise ValueError("channels beside grey or colour")
    is_xyb = bits.flag()
    samples = 3 if bits.flag() else _colours(bits)
    if extra and not bits.flag():  # tone mapping
        bits.skip(49)
    if bits.long():
        raise ValueError("extensions")
    return samples, depth, is_xyb


def _colours(bits: _Bits) -> int:
    """Samples per pixel."""
    if bits.flag():
        raise ValueError("a colour profile")
    space = bits.enumeration()
    if space != _XYB and bits.enumeration() == _CUSTOM:
        raise ValueError("colours of its own")
    if space not in (_GREY, _XYB) and bits.enumeration() == _CUSTOM:
        raise ValueError("colours of its own")
    if space != _XYB:
        if bits.flag():
            bits.skip(24)  # gamma
        else:
            bits.enumeration()
    bits.enumeration()  # rendering intent
    return 1 if space == _GREY else 3


def _refuse_other_frames(bits: _Bits, is_xyb: bool) -> None:
    """Refuse all but one frame that covers the picture."""
    if bits.number(2):
        raise ValueError("several frames")
    is_modular = bits.flag()
    if bits.long() & _USES_OTHER_FRAME:
        raise ValueError("several frames")
    if not is_xyb and bits.flag():
        bits.skip(6)  # subsampling of YCbCr
    if bits.number(2):
        raise ValueError("a frame of another size")
    if is_modular:
        bits.skip(2)
    elif is_xyb:
        bits.skip(6)
    _skip_passes(bits)
    if bits.flag():
        raise ValueError("a frame of another size")
    if bits.number(2) or not bits.flag():  # not replacing what is there, not the last
        raise ValueError("several frames")


def _skip_passes(bits: _Bits) -> None:
    passes = bits.choice((0, 1), (0, 2), (0, 3), (3, 4))
    if passes == 1:
        return
    sizes = bits.choice((0, 0), (0, 1), (0, 2), (1, 3))
    bits.skip(2 * (passes - 1) + 2 * sizes)
    for _ in range(sizes):
        bits.choice((0, 0), (0, 1), (0, 2), (3, 0))
