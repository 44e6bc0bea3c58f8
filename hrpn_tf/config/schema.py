"""The JSON Schema of the configuration, for editors and for every other text about its keys."""

import copy
from functools import cache
from typing import Any

from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import CoreSchema

from hrpn_tf.config.config import Config


def config_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of ``hrpn.yaml``.

    It checks every key, type and range. Rules between keys, such as roles that must differ, are
    in the descriptions of their sections and are checked when the file is loaded.
    """
    schema = copy.deepcopy(model_schema())
    for section in (schema, *schema["$defs"].values()):
        for node in section["properties"].values():
            _complete(node, schema["$defs"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "hrpn.yaml",
    }


@cache
def model_schema() -> dict[str, Any]:
    """The schema as pydantic writes it; not to be changed."""
    return Config.model_json_schema(schema_generator=_WithoutTitles)


def section_of(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """The schema of the section that a key holds; empty if it holds a value."""
    for choice in node.get("anyOf", [node]):
        if "$ref" in choice:
            section: dict[str, Any] = definitions[choice["$ref"].rpartition("/")[2]]
            return section
    return {}


def meaning_of(node: dict[str, Any], definitions: dict[str, Any]) -> str:
    """What a key means: what its section says, then what it says itself."""
    texts = (section_of(node, definitions).get("description", ""), node.get("description", ""))
    return " ".join(" ".join(texts).split())


def _complete(node: dict[str, Any], definitions: dict[str, Any]) -> None:
    """Say all where editors show it, and leave out what would mislead them."""
    node["description"] = meaning_of(node, definitions)
    if name := node.pop("unit", ""):
        node["description"] += f" Unit: {name}."
    if "$ref" in node:
        node.pop("default", None)  # an editor would insert it all; each key has its own


class _WithoutTitles(GenerateJsonSchema):
    """Leaves out titles such as "Pixel Size Um"."""

    def field_title_should_be_set(self, schema: CoreSchema | Any) -> bool:
        return False
