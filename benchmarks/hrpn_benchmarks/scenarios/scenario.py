"""What a scenario is, and the context that it runs in."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from hrpn_export import Session

from hrpn_benchmarks.case import BenchmarkCase
from hrpn_benchmarks.measures import Measured


@dataclass(frozen=True)
class ScenarioContext:
    """What a scenario works with, in a fresh process.

    Attributes:
        case: the case to measure.
        open: loads the session.
        together: waits until every process of the case has reached the same point; call it
            right before the measurement.
    """

    case: BenchmarkCase
    open: Callable[[], Session]
    together: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Scenario:
    """One way to use a model.

    Attributes:
        name: used in plans.
        run: measures the scenario.
        sides: which sizes of a plan apply: all tiles, the first tile, the slides, or the patch.
        formats: formats of bundles that the scenario can use; empty for all.
        scales: run with 1, 2, 4, ... threads instead of the threads of the plan.
        shared: whether several processes may run it at the same time.
    """

    name: str
    run: Callable[[ScenarioContext], Measured]
    sides: Literal["tiles", "tile", "slides", "patch"]
    formats: tuple[str, ...] = ()
    scales: bool = False
    shared: bool = True
