"""What can be measured: one scenario per question, and the registry that finds them."""

from hrpn_benchmarks.scenarios.abilities import Counted, Trainable
from hrpn_benchmarks.scenarios.registry import GROUP, find_scenario
from hrpn_benchmarks.scenarios.scenario import Scenario, ScenarioContext
from hrpn_benchmarks.scenarios.sessions import SCENARIOS

__all__ = [
    "GROUP",
    "SCENARIOS",
    "Counted",
    "Scenario",
    "ScenarioContext",
    "Trainable",
    "find_scenario",
]
