"""The base of every configuration section, and how a field states its unit."""

from pydantic import BaseModel, ConfigDict, JsonValue


class Section(BaseModel):
    """One concern of the configuration: immutable, and closed to unknown keys.

    The docstring of a section and the ``description`` of its fields are the only source of the
    commented YAML, the JSON Schema, the reference page, completion and error messages. The first
    sentence of a description must make sense without the others.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True)


def unit(name: str) -> dict[str, JsonValue]:
    """The ``json_schema_extra`` of a field whose numbers have this unit.

    >>> unit("µm")
    {'unit': 'µm'}
    """
    return {"unit": name}


NO_UNIT = unit("")  # of pure numbers, so that a forgotten unit is told from none
