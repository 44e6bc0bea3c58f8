"""Random configurations that are valid, drawn from the schema of every key."""

from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from hrpn_tf.config import Config, load_config
from hrpn_tf.config.commented import in_one_line
from hrpn_tf.config.keys import list_keys
from hrpn_tf.config.schema import model_schema, section_of
from hrpn_tf.errors import ConfigError

# What the schema of a single key does not say.
SPECIAL = {
    "data.inputs": st.lists(st.text(), min_size=1, max_size=4, unique=True),
    "data.channels": st.dictionaries(
        st.sampled_from(["vessels", "nuclei", "qd"]), st.text() | st.integers()
    ),
    "data.reference": st.fixed_dictionaries(
        dict.fromkeys(
            ("vessels", "nuclei"), st.tuples(st.floats(-9, 9), st.floats(10, 1e5)).map(list)
        )
    )
    | st.just({}),
    "simulation.vary": st.fixed_dictionaries(
        {"optics": st.fixed_dictionaries({"psf_um": st.just([0.3, 0.9])})}
    )
    | st.just({}),
    "prediction.max_ram": st.sampled_from(["2GB", "512 MiB", 1, 10**12, None]),
}
KEYS = [key for key in list_keys() if not key.is_section]


def node_of(path: tuple[str, ...]) -> dict[str, Any]:
    """The schema of one key."""
    schema = model_schema()
    node = schema
    for name in path:
        node = (section_of(node, schema["$defs"]) or node)["properties"][name]
    return node


def values(node: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that a schema allows."""
    if "anyOf" in node:
        return st.one_of([values(choice) for choice in node["anyOf"]])
    if "enum" in node or "const" in node:
        return st.sampled_from(node.get("enum", [node.get("const")]))
    if "prefixItems" in node:
        return st.tuples(*map(values, node["prefixItems"])).map(list)
    if "pattern" in node:
        return st.from_regex(node["pattern"], fullmatch=True)
    low, high = node.get("minimum"), node.get("maximum")
    above, below = node.get("exclusiveMinimum"), node.get("exclusiveMaximum")
    if node["type"] == "integer":
        return st.integers(
            low if above is None else above + 1, high if below is None else below - 1
        )
    if node["type"] == "number":
        return st.floats(
            low if above is None else above,
            high if below is None else below,
            exclude_min=above is not None,
            exclude_max=below is not None,
            allow_nan=False,
            allow_infinity=False,
        )
    if node["type"] == "array":
        return st.lists(values(node["items"]), max_size=4)
    if node["type"] == "object":
        names = st.sampled_from(node["propertyNames"]["enum"])
        return st.dictionaries(names, values(node["additionalProperties"]))
    return {
        "string": st.text(min_size=node.get("minLength", 0)),
        "boolean": st.booleans(),
        "null": st.none(),
    }[node["type"]]


@st.composite
def configs(draw: st.DrawFn) -> Config:
    """A configuration made by some overrides; rules between keys discard a few draws."""
    chosen = draw(st.lists(st.sampled_from(KEYS), max_size=6, unique_by=lambda key: key.name))
    overrides = []
    for key in chosen:
        value = draw(SPECIAL[key.name] if key.name in SPECIAL else values(node_of(key.path)))
        overrides.append(f"{key.name}={in_one_line(value)}")
    try:
        return load_config(overrides=overrides)
    except ConfigError:
        assume(False)
        raise
