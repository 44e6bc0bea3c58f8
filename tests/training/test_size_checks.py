import pytest

from hrpn_tf.config import load_config
from hrpn_tf.errors import ConfigError
from hrpn_tf.training.checks import adopt_store, check_sizes


def test_keys_left_out_take_the_stores_values(store):
    data = adopt_store(load_config(), store).data
    assert (data.patch, data.stride, data.inputs, data.target) == (
        32,
        32,
        ("vessels", "nuclei"),
        "qd",
    )


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.patch=512", r"data.patch is 512, .* prepared with 32"),
        ("data.inputs=[vessels]", r"data.inputs is vessels, .* prepared with vessels, nuclei"),
    ],
)
def test_a_key_that_contradicts_the_store_is_refused(store, override, message):
    with pytest.raises(ConfigError, match=message):
        adopt_store(load_config(overrides=[override]), store)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.batch_size=11", "training set of 10 patches; set it to 10 or less"),
        ("training.crop=128", "training.crop=128 is larger than the patch of 64 px"),
        ("training.crop=40", "training.crop=40 is not a multiple of 32, .* 32 and 64"),
        ("training.crop=16", "training.crop=16 is not a multiple of 32, .* nearest are 32"),
        ("training.context=25", "context=25 leaves less than 16 px of the patch .* to 24 or less"),
        ("data.patch=48", "data.patch=48 is not a multiple of 32"),
    ],
)
def test_what_cannot_be_trained_is_refused(override, message):
    overrides = ["data.patch=64", "training.batch_size=10", "training.crop=null", override]
    with pytest.raises(ConfigError, match=message):
        check_sizes(load_config(overrides=overrides), patches=10, stride_multiple=32)


def test_what_just_fits_is_accepted():
    overrides = ["data.patch=64", "training.batch_size=10", "training.crop=64"]
    check_sizes(load_config(overrides=overrides), patches=10, stride_multiple=32)
