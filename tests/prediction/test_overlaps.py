"""What tiles share is read once, and is what the slide holds."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from support.grid_network import ArraySlide

from hrpn_tf.prediction.overlaps import KeptOverlaps, kept_bytes
from hrpn_tf.prediction.reading import read_reflected
from hrpn_tf.prediction.tiling import Region, Tiling, plan_tiling

SIZE = (150, 170)
IMAGE = np.random.default_rng(0).integers(0, 65536, (*SIZE, 3), np.uint16)
regions = st.tuples(
    st.integers(0, 60), st.integers(0, 60), st.integers(1, 90), st.integers(1, 110)
).map(lambda r: Region(*r))
tilings = st.builds(
    plan_tiling,
    regions,
    tile=st.tuples(st.integers(16, 120), st.integers(16, 120)),
    stride_multiple=st.sampled_from([1, 4, 8]),
    receptive_field=st.none() | st.integers(1, 60),
)


class CountingSlide(ArraySlide):
    """A slide that counts the pixels that are read from it."""

    read_px = 0

    def read(self, *place: int, **more: object) -> np.ndarray:
        pixels = super().read(*place, **more)  # type: ignore[arg-type]
        self.read_px += pixels.shape[0] * pixels.shape[1]
        return pixels


@settings(max_examples=80, deadline=None)
@given(tilings, st.data())
def test_any_tiles_in_any_order_are_what_the_slide_holds(
    tiling: Tiling, data: st.DataObject
) -> None:
    kept = KeptOverlaps(ArraySlide(IMAGE), [2, 0], tiling)
    tiles = [tile for block in tiling for tile in block.tiles]
    order = data.draw(st.lists(st.sampled_from(range(len(tiles))), max_size=12))
    for number in [*range(0, len(tiles), data.draw(st.integers(1, 3))), *order]:
        place = tiles[number].y, tiles[number].x, tiles[number].height, tiles[number].width
        expected = read_reflected(ArraySlide(IMAGE), *place, [2, 0])
        np.testing.assert_array_equal(read_reflected(kept, *place, [2, 0]), expected)


@settings(max_examples=60, deadline=None)
@given(tilings.filter(lambda tiling: not tiling.blended))
def test_no_pixel_is_read_twice(tiling: Tiling) -> None:
    """One after another, the tiles read no more than what they cover of the slide."""
    slide = CountingSlide(IMAGE)
    kept = KeptOverlaps(slide, [0], tiling)
    seen = np.zeros(SIZE, bool)
    numbers = np.arange(SIZE[0] * SIZE[1], dtype=np.int64).reshape(*SIZE, 1)
    for block in tiling:
        for tile in block.tiles:
            place = tile.y, tile.x, tile.height, tile.width
            read_reflected(kept, *place, [0])
            used = read_reflected(ArraySlide(numbers), *place, [0])
            rows, columns = np.divmod(used[..., 0], SIZE[1])
            # what is read is the rectangle around what the reflected window needs
            seen[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
    assert slide.read_px == seen.sum()


def test_what_is_kept_is_counted() -> None:
    tiling = plan_tiling(Region(0, 0, 150, 170), tile=60, stride_multiple=4, receptive_field=17)
    kept = KeptOverlaps(ArraySlide(IMAGE), [0, 1], tiling)
    for block in tiling:
        tile = block.tiles[0]
        read_reflected(kept, tile.y, tile.x, tile.height, tile.width, [0, 1])
    held = sum(each.nbytes for each in (kept._band, kept._border[2]))  # type: ignore[index]
    assert 0.5 * kept_bytes(tiling, 4) < held <= kept_bytes(tiling, 4)
    alone = plan_tiling(Region(0, 0, 150, 170), tile=200, stride_multiple=4, receptive_field=17)
    assert kept_bytes(alone, 4) == 0, "one tile shares nothing"


def test_other_channels_and_levels_are_passed_on() -> None:
    tiling = plan_tiling(Region(0, 0, 150, 170), tile=60, stride_multiple=4, receptive_field=17)
    kept = KeptOverlaps(ArraySlide(IMAGE), [0], tiling)
    np.testing.assert_array_equal(kept.read(3, 4, 20, 30, [1, 2]), IMAGE[3:23, 4:34, 1:])
    assert not kept._rows.any(), "nothing of another channel is kept"
