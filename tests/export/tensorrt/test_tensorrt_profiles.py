import pytest
from hrpn_export.errors import ContractError, FormatError
from hrpn_export.tensorrt.choose import choose_builder, read_capability
from hrpn_export.tensorrt.command import build_command
from hrpn_export.tensorrt.machine import Gpu, Machine
from hrpn_export.tensorrt.profiles import choose, make_profiles, read_tile


@pytest.mark.parametrize(
    ("tile", "size"),
    [(512, (512, 512)), ("512", (512, 512)), ("512x768", (512, 768)), ((64, 32), (64, 32))],
)
def test_a_tile_is_written_in_several_ways(tile, size):
    assert read_tile(tile) == size


@pytest.mark.parametrize("tile", ["", "x", "512x", "1x2x3", 0, "-16", (1, 2, 3), "wide"])
def test_what_is_no_tile_is_refused(tile):
    with pytest.raises(FormatError, match="no size of a tile; write 512"):
        read_tile(tile)


def test_without_tiles_any_size_up_to_1024_is_taken():
    (profile,) = make_profiles(48, 2, None, [4])
    assert profile.minimum == (1, 48, 48, 2)
    assert profile.optimum == (1, 528, 528, 2)
    assert profile.maximum == (4, 1056, 1056, 2)
    assert str(profile) == "48 x 48 to 1056 x 1056"


def test_each_tile_has_a_profile_of_its_own_and_other_sizes_still_run():
    anything, square, tall = make_profiles(16, 3, ["512", (2048, 256), 512], [1, 8])
    assert anything.optimum == (1, 512, 512, 3)
    assert anything.maximum == (8, 2048, 1024, 3)
    assert square.tile == (512, 512)
    assert square.optimum == (8, 512, 512, 3)
    assert tall.minimum == (1, 2048, 256, 3)
    assert anything.tile is None


def test_the_narrowest_profile_is_chosen():
    profiles = make_profiles(16, 2, [512], [4])
    assert choose(profiles, (9, 512, 512, 2)) == 1
    assert choose(profiles, (1, 512, 528, 2)) == 0


def test_a_size_outside_names_the_ranges():
    with pytest.raises(ContractError, match=r"16 x 16 to 1024 x 1024, 512 x 512 px, got 16 x 1040"):
        choose(make_profiles(16, 2, [512], [4]), (1, 16, 1040, 2))


def test_a_tile_off_the_stride_multiple_is_refused():
    with pytest.raises(ContractError, match="multiples of 16, got 500 x 512"):
        make_profiles(16, 2, ["500x512"], [4])


@pytest.mark.parametrize("batches", [[], [0], [4, -1]])
def test_batches_are_positive(batches):
    with pytest.raises(FormatError, match="numbers from 1 up"):
        make_profiles(16, 2, None, batches)


@pytest.mark.parametrize("text", ["8.9", "89", "sm_89", "SM89"])
def test_a_capability_is_written_in_several_ways(text):
    assert read_capability(text) == "8.9"


@pytest.mark.parametrize("text", ["", "8", "ada", "8.9.1.2"])
def test_what_is_no_capability_is_refused(text):
    with pytest.raises(FormatError, match=r"write it as 8\.9"):
        read_capability(text)


def test_a_capability_of_three_digits():
    assert read_capability("120") == "12.0"


ADA, BOTH = Gpu(0, "Ada", "8.9", "13.0"), {"tensorrt": "10.13", "tensorrt-rtx": "1.7"}


@pytest.mark.parametrize(
    ("builders", "gpu", "wanted", "chosen"),
    [
        (BOTH, ADA, None, "tensorrt"),
        (BOTH, ADA, ["8.9"], "tensorrt"),
        (BOTH, ADA, ["8.6"], "tensorrt-rtx"),
        (BOTH, None, None, "tensorrt-rtx"),
        ({"tensorrt": "10.13"}, None, None, "tensorrt"),  # which then says that it needs a GPU
        ({"tensorrt-rtx": "1.7"}, ADA, None, "tensorrt-rtx"),
    ],
)
def test_the_full_builder_is_taken_where_it_can_build(builders, gpu, wanted, chosen):
    assert choose_builder("auto", wanted, Machine("linux", builders, gpu)).name == chosen


def test_a_builder_that_does_not_exist_is_refused():
    with pytest.raises(FormatError, match="no builder trt; there are auto, tensorrt"):
        choose_builder("trt", None, Machine("linux", {}, None))


def test_a_command_can_be_pasted_whatever_the_path():
    command = build_command("my bundle/$(x).onnx", "a.engine", tiles=[(512, 768)], batches=[2])
    assert command == (
        "python -m hrpn_export.tensorrt 'my bundle/$(x).onnx' --out a.engine --tiles 512x768 "
        "--batches 2"
    )
