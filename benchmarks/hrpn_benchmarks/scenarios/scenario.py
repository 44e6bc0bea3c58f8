"""What can be done with a session: the table of scenarios, and how others add to it."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Literal

from hrpn_export import Session

from hrpn_benchmarks.errors import PlanError
from hrpn_benchmarks.measures import Measured

if TYPE_CHECKING:
    from hrpn_benchmarks.matrix import Cell

# Packages that know more than bundles and sessions add scenarios by this entry-point group; each
# entry names a ``Scenario``.
GROUP = "hrpn_benchmarks.scenarios"


@dataclass(frozen=True)
class ScenarioContext:
    """What a scenario gets, in a process of its own that did nothing before.

    Attributes:
        cell: what is measured.
        open: loads the session.
        together: waits until all processes of the cell are as far; call it before what is
            measured.
    """

    cell: "Cell"
    open: Callable[[], Session]
    together: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Scenario:
    """One way to use a model.

    Attributes:
        name: in plans.
        run: measures it.
        sides: which sides of a plan it takes: of all tiles, of one tile, of slides, of a patch.
        formats: of bundles that it can use; empty for all.
        scales: is run with 1, 2, 4, ... threads in place of those of the plan.
        shared: whether several processes may do it at the same time.
    """

    name: str
    run: Callable[[ScenarioContext], Measured]
    sides: Literal["tiles", "tile", "slides", "patch"]
    formats: tuple[str, ...] = ()
    scales: bool = False
    shared: bool = True


def find_scenario(name: str) -> Scenario:
    """A scenario of this package or another one.

    Raises:
        PlanError: there is none of that name; says which there are.
    """
    from hrpn_benchmarks.scenarios.sessions import SCENARIOS

    if name in SCENARIOS:
        return SCENARIOS[name]
    others = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in others:
        known = ", ".join(sorted({*SCENARIOS, *others}))
        raise PlanError(f"no scenario {name!r}; there are {known}")
    scenario = others[name].load()
    assert isinstance(scenario, Scenario), others[name].value
    return scenario
