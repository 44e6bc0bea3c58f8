"""The import graph of this project."""

from pathlib import Path

from experiments.import_graph import _components, read_graph

ROOT = Path(__file__).parents[3]


def test_modules_of_a_circle_belong_together() -> None:
    imports = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}
    found = _components({name: frozenset(targets) for name, targets in imports.items()})
    assert found["a"] == found["b"] == found["c"] != found["d"]


def test_no_modules_import_each_other() -> None:
    graph = read_graph(ROOT)
    assert "hrpn_tf.workflows.plan.plan" in graph.levels
    assert graph.circles == ()
