"""The JSON Schema accepts what is valid and refuses what is not, as the loader does."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from jsonschema import Draft202012Validator
from support.valid_configs import configs

from hrpn_tf.config import Config, load_config, to_yaml
from hrpn_tf.config.commented import commented_yaml
from hrpn_tf.config.loader import config_of, recipes
from hrpn_tf.config.schema import config_schema
from hrpn_tf.errors import ConfigError

SCHEMA = config_schema()
VALIDATOR = Draft202012Validator(SCHEMA)


def test_it_is_a_schema_of_the_stated_draft() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("path", recipes().values(), ids=lambda path: path.stem)
def test_it_accepts_every_recipe(path: Path) -> None:
    VALIDATOR.validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    VALIDATOR.validate(yaml.safe_load(commented_yaml(load_config(path))))
    VALIDATOR.validate(yaml.safe_load(to_yaml(load_config(path))))


@given(configs())
@settings(max_examples=25)
def test_it_accepts_every_valid_configuration(config: Config) -> None:
    VALIDATOR.validate(yaml.safe_load(commented_yaml(config)))


@pytest.mark.parametrize(
    "text",
    [
        "training: {loss: mse+ssim}",
        "training: {loss: {mse: 1, ssim: 0.2}}",
        "training: {adversarial: {}}",
        "prediction: {max_ram: 2GB}",
        "data: {channels: {vessels: CD31, nuclei: 0}}",
        "{}",
    ],
)
def test_it_accepts_every_way_to_write_a_value(text: str) -> None:
    VALIDATOR.validate(yaml.safe_load(text))
    config_of(yaml.safe_load(text))


@pytest.mark.parametrize(
    "text",
    [
        "trainning: {}",
        "training: {batch_sise: 4}",
        "training: {optimizer: {nesterov: true}}",
        "training: {batch_size: many}",
        "training: {batch_size: 0}",
        "training: {batch_size: null}",
        "training: {loss: mse+huber}",
        "training: {loss: {huber: 1}}",
        "training: 3",
        "data: {inputs: vessels}",
        "data: {inputs: []}",
        "data: {edge: mirror}",
        "prediction: {max_ram: 0}",
        "spatial: {vessel_threshold: triangle}",
        "simulation: {optics: {autofluorescence: [1, 2]}}",
        "simulation: {optics: {bits: 12}}",
        "[]",
    ],
)
def test_schema_and_loader_refuse_the_same(text: str) -> None:
    values: Any = yaml.safe_load(text)
    assert not VALIDATOR.is_valid(values)
    if isinstance(values, dict):
        with pytest.raises(ConfigError):
            config_of(values)


def test_every_key_has_its_meaning_and_unit_for_editors() -> None:
    sections = [SCHEMA, *SCHEMA["$defs"].values()]
    nodes = [node for section in sections for node in section["properties"].values()]
    assert all(node["description"].endswith(".") for node in nodes)
    patch = SCHEMA["$defs"]["DataConfig"]["properties"]["patch"]
    assert patch["description"] == "Side length of a training patch. Unit: px."
    assert not any("title" in node or "unit" in node for node in nodes)


def test_it_uses_words_of_json_schema_only() -> None:
    notes = {"$schema", "$defs", "default", "description", "title"}
    assert words(SCHEMA) <= {*Draft202012Validator.VALIDATORS, *notes}


def words(node: Any) -> set[str]:
    """The keywords of a schema, without the names of what it describes and their defaults."""
    if isinstance(node, list):
        return set().union(*map(words, node)) if node else set()
    if not isinstance(node, dict):
        return set()
    found = set(node)
    for word, inner in node.items():
        if word in ("properties", "$defs"):
            found |= words(list(inner.values()))
        elif word not in ("default", "enum", "const"):
            found |= words(inner)
    return found
