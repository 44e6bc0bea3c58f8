"""Every key explains itself: meaning, type, range, unit, default."""

import pytest

from hrpn_tf.config.keys import Key, find_key, list_keys
from hrpn_tf.config.schema import model_schema
from hrpn_tf.errors import ConfigError

KEYS = [key for key in list_keys() if not key.is_section]
UNITS = {"um": ("µm", "µm/px"), "um2": ("µm²",), "px": ("px",), "share": ("fraction",)}


@pytest.mark.parametrize("key", list_keys(), ids=lambda key: key.name)
def test_meaning_is_made_of_sentences(key: Key) -> None:
    assert key.meaning[0].isupper()
    assert key.meaning[-1] == "."
    assert key.summary
    assert "``" not in key.meaning


@pytest.mark.parametrize("name", ["", *model_schema()["$defs"]])
def test_every_number_states_its_unit_or_that_it_has_none(name: str) -> None:
    schema = model_schema()
    section = schema["$defs"][name] if name else schema
    for key, node in section["properties"].items():
        numeric = any(f'"{kind}"' in repr(node).replace("'", '"') for kind in ("number", "integer"))
        assert ("unit" in node) == (numeric and key != "channels"), key


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_unit_agrees_with_the_name(key: Key) -> None:
    ending = key.path[-1].rpartition("_")[2]
    assert ending not in UNITS or key.unit in UNITS[ending]


@pytest.mark.parametrize(
    ("name", "kind", "limits", "unit"),
    [
        ("training.batch_size", "whole number", "≥ 1", "patches"),
        ("training.crop", "whole number, `auto` or `null`", "≥ 16", "px"),
        ("training.seed", "whole number", "≥ 0 and < 2147483648", ""),
        ("training.loss", "one number per name or text", "≥ 0", ""),
        ("training.adversarial", "section or `null`", "", ""),
        ("data.inputs", "list of text", "at least 1 item", ""),
        ("data.channels", "one text or whole number per name", "", ""),
        ("data.tissue.min_share", "number", "0 to 1", "fraction"),
        ("prediction.max_ram", "whole number, text or `null`", "> 0", "bytes"),
        ("spatial.vessel_threshold", "number, `multi-otsu` or `otsu`", "", "grey levels"),
        ("spatial.nucleus_threshold", "number or `otsu`", "", "grey levels"),
        ("simulation.optics.autofluorescence", "list of 3 numbers", "", "grey levels"),
        ("simulation.optics.bits", "`8` or `16`", "", "bits"),
        ("simulation.channels.target", "text", "not empty", ""),
    ],
)
def test_type_range_and_unit_in_words(name: str, kind: str, limits: str, unit: str) -> None:
    key = find_key(name)
    assert (key.type, key.range, key.unit) == (kind, limits, unit)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("trainig", "training"),
        ("training.batchsize", "training.batch_size"),
        ("batch_size", "training.batch_size"),
        ("training.optimiser", "training.optimizer"),
    ],
)
def test_unknown_key_suggests_the_nearest(name: str, meant: str) -> None:
    with pytest.raises(ConfigError, match=f"no section or key {name}, did you mean {meant}\\?"):
        find_key(name)


def test_nothing_is_suggested_for_nonsense() -> None:
    with pytest.raises(ConfigError, match=r"no section or key qqqqqqqq$"):
        find_key("qqqqqqqq")
