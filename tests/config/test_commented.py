"""The commented YAML explains every key, and is the same configuration when it is read again."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from support.valid_configs import configs

from hrpn_tf.config import Config, load_config
from hrpn_tf.config.commented import commented_yaml, in_one_line
from hrpn_tf.config.keys import list_keys
from hrpn_tf.config.loader import config_of, recipes
from hrpn_tf.errors import ConfigError


@given(configs())
@settings(max_examples=100)
def test_what_is_printed_is_read_back(config: Config) -> None:
    assert config_of(yaml.safe_load(commented_yaml(config))) == config


@pytest.mark.parametrize("recipe", [None, *recipes()])
def test_recipes_are_read_back_from_a_file(recipe: str | None, tmp_path: Path) -> None:
    path = tmp_path / "hrpn.yaml"
    path.write_text(commented_yaml(load_config(recipe), source=str(recipe)), encoding="utf-8")
    assert load_config(path) == load_config(recipe)


def test_every_key_is_explained_above_its_line() -> None:
    overrides = ["training.adversarial={}"]
    lines = commented_yaml(load_config(overrides=overrides)).splitlines()
    text = " ".join(line.strip(" #") for line in lines)
    for key in list_keys():
        assert key.meaning in text
        indent = "  " * (len(key.path) - 1)
        places = [i for i, line in enumerate(lines) if line.startswith(f"{indent}{key.path[-1]}:")]
        assert any(lines[place - 1].startswith(f"{indent}# ") for place in places), key.name
    unit = "  # Type: whole number, ≥ 16. Unit: px. Default: 512."
    assert lines[lines.index("  patch: 512") - 1] == unit
    assert max(map(len, lines)) <= 100


def test_the_first_lines_name_the_schema_and_how_it_is_made() -> None:
    first, second, *_ = commented_yaml(Config()).splitlines()
    assert first == "# yaml-language-server: $schema=hrpn.schema.json"
    assert "hrpn-tf config --schema > hrpn.schema.json" in second


def test_default_stays_visible_when_the_value_differs() -> None:
    text = commented_yaml(load_config(overrides=["training.epochs=3"]), "training.epochs")
    assert "Default: 20." in text
    assert text.endswith("  epochs: 3\n")


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ("model", {"model": {"preset": "hrpn-m"}}),
        ("data.split", {"data": {"split": {"fold": 0, "validation": [], "test": []}}}),
        ("training.adversarial", {"training": {"adversarial": None}}),
        ("evaluation.peak", {"evaluation": {"peak": None}}),
    ],
)
def test_one_section_keeps_its_place(section: str, expected: object) -> None:
    assert yaml.safe_load(commented_yaml(Config(), section)) == expected


def test_keys_of_a_section_that_is_null_are_left_out() -> None:
    assert "cross_entropy" not in commented_yaml(Config())
    with pytest.raises(ConfigError, match=r"did you mean training\?"):
        commented_yaml(Config(), "traning")


def test_a_source_cannot_leave_the_comment() -> None:
    text = commented_yaml(Config(), source="a\ndata: {patch: 16}\n.yaml")
    assert config_of(yaml.safe_load(text)) == Config()


@pytest.mark.parametrize(
    "value",
    [
        "yes",
        "1e-5",
        "0x10",
        "null",
        "~",
        "",
        " x ",
        "a: b",
        "# no",
        "a\nb",
        "\x85",
        "µ",
        "...",
        "1_0",
    ],
)
def test_texts_that_yaml_could_misread(value: str) -> None:
    written = in_one_line([value])
    assert "\n" not in written
    assert yaml.safe_load(written) == [value]
    assert yaml.safe_load(f"key: {in_one_line(value)}") == {"key": value}
