"""Scenarios by name: those of this package, and those that other packages add."""

from importlib.metadata import entry_points

from hrpn_benchmarks.errors import PlanError
from hrpn_benchmarks.scenarios.scenario import Scenario
from hrpn_benchmarks.scenarios.server import SERVER
from hrpn_benchmarks.scenarios.sessions import SCENARIOS

# Entry points of this group add scenarios that need more than bundles and sessions; each names a
# ``Scenario``.
GROUP = "hrpn_benchmarks.scenarios"
OWN = {**SCENARIOS, SERVER.name: SERVER}


def find_scenario(name: str) -> Scenario:
    """Find a scenario of this package or of another one.

    Args:
        name: as a plan states it, such as ``tile``.

    Raises:
        PlanError: there is no such scenario; lists those that exist.

    Example:
        >>> find_scenario("tile").sides
        'tiles'
    """
    if name in OWN:
        return OWN[name]
    others = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in others:
        known = ", ".join(sorted({*OWN, *others}))
        raise PlanError(f"no scenario {name!r}; there are {known}")
    scenario = others[name].load()
    assert isinstance(scenario, Scenario), others[name].value
    return scenario
