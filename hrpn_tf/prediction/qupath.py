"""QuPath's classes in GeoJSON: what is an area, and what is cut out of it."""

from collections.abc import Mapping
from typing import Any

# QuPath leaves out what has this class, or one derived from it, where it uses annotations.
IGNORED = "Ignore*"
NUCLEUS = "nucleusGeometry"  # of a cell, beside the geometry of its outline


def class_name(feature: Mapping[str, Any]) -> str | None:
    """The class of a feature, as QuPath exports it; None if it has none."""
    properties = feature.get("properties")
    kind = properties.get("classification") if isinstance(properties, dict) else None
    name = kind.get("name") if isinstance(kind, dict) else kind
    if name is None and isinstance(kind, dict) and isinstance(kind.get("names"), list):
        name = ": ".join(str(part) for part in kind["names"])  # since QuPath 0.6
    return name if isinstance(name, str) and name.strip() else None


def is_ignored(feature: Any) -> bool:
    """Whether a feature is to be cut out of all others.

    >>> is_ignored({"properties": {"classification": {"name": "Ignore*"}}}), is_ignored({})
    (True, False)
    """
    name = class_name(feature) if isinstance(feature, dict) else None
    return name is not None and IGNORED in (part.strip() for part in name.split(":"))


def object_type(feature: Any) -> str | None:
    """What kind of object a feature is: annotation, detection, cell, tile...; None if not stated.

    >>> object_type({"properties": {"objectType": "cell"}})
    'cell'
    """
    properties = feature.get("properties") if isinstance(feature, dict) else None
    kind = properties.get("objectType") if isinstance(properties, dict) else None
    return kind if isinstance(kind, str) else None
