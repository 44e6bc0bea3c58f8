"""The examples in the docstrings."""

import doctest
import importlib

import pytest


@pytest.mark.parametrize(
    "module",
    [
        "",
        "bootstrap",
        "eight_bits",
        "histogram",
        "metric_values",
        "moments",
        "planes",
        "slide_evaluation",
        "sums",
        "tables",
    ],
)
def test_docstrings(module: str) -> None:
    name = f"hrpn_tf.evaluation.{module}".removesuffix(".")
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0
