"""The examples in the guide and in the docstrings, and the guide's table."""

import doctest
import importlib
from pathlib import Path

import pytest

from hrpn_tf.models.figures import preset_figures
from hrpn_tf.models.presets import Preset, list_presets

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "models.md"


def test_guide() -> None:
    result = doctest.testfile(str(GUIDE), module_relative=False)
    assert result.attempted > 5
    assert result.failed == 0


@pytest.mark.parametrize("module", ["build", "layers"])
def test_docstrings(module: str) -> None:
    result = doctest.testmod(importlib.import_module(f"hrpn_tf.models.{module}"))
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize("preset", list_presets(), ids=lambda preset: preset.name)
def test_table_is_up_to_date(preset: Preset) -> None:
    each = preset_figures(preset, inputs=2, size=512)
    field = "the whole input" if each.receptive_field is None else f"{each.receptive_field} px"
    row = (
        f"| `{each.name}` | {each.parameters:,} | {each.gmac:.2f} | {field} | "
        f"{each.stride_multiple} px | {'yes' if each.tile_exact else 'no'} |"
    )
    assert row in GUIDE.read_text(encoding="utf-8")
