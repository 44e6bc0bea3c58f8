from dataclasses import replace

import pytest
from support.slide_and_contract import CONTRACT, INFO

from hrpn_tf.errors import PixelSizeError, UnknownChannelError, UsageError
from hrpn_tf.prediction import choose_frame, input_channels


@pytest.mark.parametrize(
    ("own", "stated", "wanted", "fits"),
    [
        (0.5, None, 0.5, 0.5),
        (0.54, None, 0.5, 0.54),
        (None, 0.5, 0.5, 0.5),
        (0.5, 0.5, 0.5, 0.5),
        (3.0, None, None, 3.0),
    ],
)
def test_a_pixel_size_that_fits(
    own: float | None, stated: float | None, wanted: float | None, fits: float
) -> None:
    info, contract = replace(INFO, pixel_size_um=own), replace(CONTRACT, pixel_size_um=wanted)
    frame = choose_frame(info, contract, stated_um=stated, tolerance=0.1, resample=False)
    assert (frame.pixel_size_um, frame.is_own) == (fits, True)


@pytest.mark.parametrize(
    ("own", "stated", "wanted", "message"),
    [
        (None, None, 0.5, r"no pixel size.*--pixel-size.*0\.5 um/px"),
        (None, None, None, r"no pixel size.*--pixel-size"),
        (0.56, None, 0.5, r"0\.56 um/px.*0\.5 um/px.*10%"),
        (None, 0.44, 0.5, r"0\.44 um/px.*0\.5 um/px"),
        (0.5, 0.25, 0.5, r"states 0\.5 um/px, --pixel-size says 0\.25"),
    ],
)
def test_a_pixel_size_that_does_not(
    own: float | None, stated: float | None, wanted: float | None, message: str
) -> None:
    info, contract = replace(INFO, pixel_size_um=own), replace(CONTRACT, pixel_size_um=wanted)
    with pytest.raises(PixelSizeError, match=message):
        choose_frame(info, contract, stated_um=stated, tolerance=0.1, resample=False)


def test_roles_find_their_channels_in_the_order_of_the_contract() -> None:
    assert input_channels(INFO, CONTRACT, {"vessels": "SpGreen", "nuclei": 0}) == (1, 0)
    plain = replace(INFO, channels=("nuclei", "vessels"))
    assert input_channels(plain, CONTRACT, {}) == (1, 0)


def test_an_unknown_channel_and_one_used_twice_are_refused() -> None:
    with pytest.raises(UnknownChannelError, match="SpGreen"):
        input_channels(INFO, CONTRACT, {"vessels": "FITC", "nuclei": "DAPI"})
    with pytest.raises(UsageError, match=r"vessels=DAPI, nuclei=DAPI"):
        input_channels(INFO, CONTRACT, {"vessels": "DAPI", "nuclei": "DAPI"})
