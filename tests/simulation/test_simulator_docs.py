"""The reference holds every parameter as the configuration has it, and the guide leads there."""

import pytest
from support.places import DOCS

from hrpn_tf.config import Section, SimulationConfig
from hrpn_tf.config.reference import reference

GUIDE = DOCS / "guide" / "simulate.md"


def parameters(section: type[Section], prefix: str) -> list[tuple[str, str, str]]:
    """Key, default and description, read off the models."""
    found = []
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            found += parameters(field.annotation, f"{prefix}{name}.")
            continue
        default = field.default
        shown = str(list(default) if isinstance(default, tuple) else default)
        assert field.description
        found.append((f"{prefix}{name}", shown, field.description))
    return found


@pytest.mark.parametrize(
    ("key", "default", "description"), parameters(SimulationConfig, "simulation.")
)
def test_parameter_is_in_the_reference(key: str, default: str, description: str) -> None:
    (row,) = [line for line in reference().splitlines() if f'"{key}"' in line]
    assert f"| `{default}` |" in row
    assert row.endswith(f"| {description} |")


def test_the_guide_leads_to_the_reference() -> None:
    assert "../reference/configuration.md#simulation" in GUIDE.read_text(encoding="utf-8")
