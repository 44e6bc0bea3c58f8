"""The guide names every parameter with its default, as the configuration has it."""

import pytest
from support.places import DOCS

from hrpn_tf.config import Section, SimulationConfig

GUIDE = DOCS / "guide" / "simulate.md"


def parameter_rows(section: type[Section], prefix: str = "") -> list[str]:
    """The rows of the parameter table: key, default, meaning with unit and source."""
    rows = []
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            rows += parameter_rows(field.annotation, f"{prefix}{name}.")
            continue
        default = field.default
        shown = ", ".join(map(str, default)) if isinstance(default, tuple) else default
        rows.append(f"| `{prefix}{name}` | {shown} | {field.description} |")
    return rows


@pytest.mark.parametrize("row", parameter_rows(SimulationConfig))
def test_parameter_is_in_the_guide(row: str) -> None:
    assert row in GUIDE.read_text(encoding="utf-8").splitlines()


if __name__ == "__main__":  # prints the table for the guide
    print("\n".join(parameter_rows(SimulationConfig)))
