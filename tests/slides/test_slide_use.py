"""What every command checks of a slide: channels by role, and the pixel size."""

from dataclasses import replace

import pytest
from support.slide_and_contract import INFO

from hrpn_tf.errors import PixelSizeError, UnknownChannelError, UsageError
from hrpn_tf.slides.checks import checked_pixel_size, recorded_pixel_size, role_channels
from hrpn_tf.slides.names import refuse_bad_name

ROLES = ("vessels", "nuclei", "qd")
NAMED = replace(INFO, channels=("CD31", "DAPI", "QD655"))


@pytest.mark.parametrize(
    ("channels", "message"),
    [
        ({"vessels": "CD31", "nuclei": "DAPI", "qd": "DAPI"}, "two roles .nuclei=DAPI, qd=DAPI"),
        ({"vessels": 0, "nuclei": 0, "qd": 2}, "two roles .vessels=CD31, nuclei=CD31"),
        ({"vessels": "CD31", "nuclei": "CD31", "qd": "CD31"}, "one channel for three roles"),
        ({"vessels": "DAPI", "nuclei": "CD31", "qd": "QD655"}, "'DAPI' is given as vessels, but"),
        ({"vessels": "CD31", "nuclei": "QD655", "qd": "DAPI"}, "'QD655' is given as nuclei.*show"),
        ({"vessels": "CD31", "nuclei": 2, "qd": "DAPI"}, "'DAPI' is given as qd.*--channel qd=1"),
    ],
)
def test_mixed_up_channels_are_refused(channels: dict[str, str | int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        role_channels(NAMED, ROLES, channels)


def test_a_role_that_is_not_read_counts_too() -> None:
    """One input, whose channel shows what another role is called after."""
    with pytest.raises(UsageError, match="given as vessels, but by its name it shows nuclei"):
        role_channels(NAMED, ("vessels",), {"vessels": "DAPI"})
    with pytest.raises(UsageError, match="shows qd"):
        role_channels(NAMED, ("stroma",), {"stroma": "QD655"}, ("qd",))


@pytest.mark.parametrize(
    ("roles", "channels"),
    [
        (ROLES, {"vessels": 1, "nuclei": "0", "qd": 2}),  # by index
        (("stroma", "nuclei"), {"stroma": "CD31", "nuclei": "DAPI"}),
        (("cd31", "dapi", "tracer"), {"tracer": "QD655"}),
    ],
)
def test_what_is_meant_is_accepted(roles: tuple[str, ...], channels: dict[str, str | int]) -> None:
    assert len(role_channels(NAMED, roles, channels)) == len(roles)


@pytest.mark.parametrize(
    ("own", "stated", "message"),
    [
        (500.0, None, "states 500 um/px, which no microscope slide has"),
        (0.0005, None, "states 0.0005 um/px"),
        (0.5, 0.25, "states 0.5 um/px, --pixel-size says 0.25"),
        (None, 500.0, "--pixel-size says 500 um/px, which no"),
        (None, None, "states no pixel size; correct the file or, where .*--pixel-size"),
    ],
)
def test_an_absurd_or_contradicted_pixel_size_is_refused(
    own: float | None, stated: float | None, message: str
) -> None:
    with pytest.raises(PixelSizeError, match=message):
        checked_pixel_size(replace(INFO, pixel_size_um=own), stated)


def test_what_is_on_record_counts_where_the_file_says_nothing_sensible() -> None:
    sizes = [recorded_pixel_size(replace(INFO, pixel_size_um=own), 0.4) for own in (None, 500, 0.5)]
    assert sizes == [0.4, 0.4, 0.5]
    with pytest.raises(PixelSizeError, match="500"):
        recorded_pixel_size(replace(INFO, pixel_size_um=500), None)


@pytest.mark.parametrize("name", ["a/b", "../a", "", ".", "..", "/a", "a\0b", "a/"])
def test_a_name_that_no_file_can_have_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be a file name"):
        refuse_bad_name(name)


def test_a_channel_that_is_missing_by_its_role_is_proposed() -> None:
    with pytest.raises(UnknownChannelError, match=r"slide list.* --channel vessels=CD31$"):
        role_channels(NAMED, ("vessels",), {})
    with pytest.raises(UnknownChannelError, match=r"data\.channels.* --channel stroma=NAME$"):
        role_channels(NAMED, ("stroma",), {})
    with pytest.raises(UnknownChannelError, match=r"it has [^;]*$"):
        role_channels(NAMED, ("vessels",), {"vessels": "FITC"})
