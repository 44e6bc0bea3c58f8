import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hrpn_tf.prediction.blending import fade, fade_both


@given(st.integers(1, 300).map(lambda half: 2 * half))
def test_tiles_that_overlap_by_half_sum_to_one(side: int) -> None:
    weights = fade(side)
    np.testing.assert_allclose(weights[: side // 2] + weights[side // 2 :], 1, atol=1e-6)


@given(st.integers(8, 300).map(lambda half: 2 * half))
def test_weights_fade_smoothly(side: int) -> None:
    """No jump where a tile begins: there weight and slope are next to nothing."""
    weights = fade(side).astype(float)
    assert weights[0] < (np.pi / side) ** 2
    assert abs(weights - weights[::-1]).max() < 1e-6
    assert np.diff(weights).max() <= np.pi / side
    assert (np.diff(weights[: side // 2]) > 0).all()


def test_four_tiles_over_a_pixel_sum_to_one() -> None:
    weights = fade_both(6, 10)[..., 0]
    quarters = [weights[y : y + 3, x : x + 5] for y in (0, 3) for x in (0, 5)]
    np.testing.assert_allclose(sum(quarters), 1, atol=1e-6)
    assert weights.dtype == np.float32
