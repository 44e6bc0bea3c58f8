from typing import Any, cast

from hrpn_tf.workflows.compare.run_results import RunResults
from hrpn_tf.workflows.compare.same_slides import groups_of


def test_slides_that_any_evaluation_puts_together_are_one_unit() -> None:
    def results(*groups: str) -> RunResults:
        rows = ({"slide": f"s{i}", "group": name} for i, name in enumerate(groups))
        return RunResults("run", cast(Any, None), tuple(rows), {}, None, {})

    first = results("m1", "m1", "m2", "m3", "m4")
    assert groups_of([results("a", "b", "c", "c", "d"), first]) == ("a", "a", "c", "c", "d")
    assert groups_of([first, results("a", "b", "b", "c", "c")]) == ("a", "a", "a", "c", "c")
    assert groups_of([first, results("a", "b", "b", "b", "a")]) == ("a",) * 5
