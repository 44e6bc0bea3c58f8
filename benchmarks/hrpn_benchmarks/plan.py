"""A plan: what a benchmark measures, as plain configuration."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from hrpn_benchmarks.errors import PlanError
from hrpn_benchmarks.measures import Strict
from hrpn_benchmarks.small_files import parse_small_yaml, read_small_file

_LARGEST = 2**20  # bytes
SHIPPED = Path(__file__).parent / "plans"
Side = Annotated[int, Field(ge=1, le=65536)]
Count = Annotated[int, Field(ge=1, le=4096)]


class Peer(Strict):
    """A baseline implementation that bundles are compared with; it has rows of its own.

    Attributes:
        name: name of the network in the report.
        load: ``module:function``. The function takes a ``BenchmarkCase`` and returns a
            ``Session``. It is executed, so trust a plan only as far as you trust a program.
        format: framework that the network is written in.
        runtime: what runs it.
        precision: precision of its arithmetic.
        scenarios: scenarios that it supports; the plan's other scenarios skip it.
        devices: kinds of device that it supports.
    """

    name: str
    load: Annotated[str, Field(pattern=r"^[\w.]+:\w+$")]
    format: str = "pytorch"
    runtime: str = "pytorch"
    precision: str = "fp32"
    scenarios: tuple[str, ...] = ("startup", "tile", "stream", "throughput", "scaling")
    devices: tuple[str, ...] = ("cpu", "cuda")


class BenchmarkPlan(Strict):
    """What a benchmark measures, and for how long.

    Attributes:
        formats, precisions, runtimes: which ones of the bundles; empty for all that are certified.
        peers: baseline implementations, measured as well.
        scenarios: names; see ``hrpn_benchmarks.scenarios.sessions`` and the entry points of other
            packages.
        sides: sides of tiles, px; one case per side, rounded up to the stride multiple.
        slides: sides of whole slides, px, for the scenario ``slide``.
        patch: side of training patches, px, for the scenario ``training``.
        batch: training patches per step.
        threads: threads of the runtime; one case per number.
        processes: processes that run the scenario at the same time, each on its own cores; one
            case per number.
        device: see ``hrpn_export.open_session``.
        rounds: how often each case is measured, every time in fresh processes; the samples of all
            rounds are pooled.
        seconds: minimum measuring time per round; three samples are taken in any case.
        bound: longest 99th percentile of the latencies in the scenario ``server``, s.
        timeout: limit for one round of a case, s.
        uncertified: also measure formats in runtimes in which they missed their limit, or were not
            certified.

    Example:
        >>> BenchmarkPlan(scenarios=("tile",), sides=(256, 512)).rounds
        3
    """

    formats: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ()
    runtimes: tuple[str, ...] = ()
    peers: tuple[Peer, ...] = ()
    scenarios: Annotated[tuple[str, ...], Field(min_length=1)] = ("startup", "tile")
    sides: Annotated[tuple[Side, ...], Field(min_length=1)] = (512,)
    slides: Annotated[tuple[Side, ...], Field(min_length=1)] = (4096,)
    patch: Side = 256
    batch: Count = 8
    threads: Annotated[tuple[Count, ...], Field(min_length=1)] = (1,)
    processes: Annotated[tuple[Count, ...], Field(min_length=1)] = (1,)
    device: str = "cpu"
    rounds: Annotated[int, Field(ge=1)] = 3
    seconds: Annotated[float, Field(ge=0)] = 2.0
    bound: Annotated[float, Field(gt=0)] = 0.5
    timeout: Annotated[float, Field(gt=0)] = 300.0
    uncertified: bool = False


def read_plan(source: str | Path) -> BenchmarkPlan:
    """Read a plan from a YAML file, or take a shipped one by its name.

    Args:
        source: path of a file, or ``quick``, ``cpu``, ``gpu``, ``server`` or ``peers``.

    Raises:
        PlanError: the file does not exist, is not YAML, or has an unknown key or a value out of
            range.

    Example:
        >>> read_plan("quick").scenarios
        ('startup', 'tile', 'slide', 'training')
    """
    shipped = {path.stem: path for path in sorted(SHIPPED.glob("*.yaml"))}
    path = Path(source)
    if not path.is_file() and str(source) in shipped:
        path = shipped[str(source)]
    elif not os.path.lexists(path):
        raise PlanError(f"{source}: no such file, nor a shipped plan ({', '.join(shipped)})")
    text = read_small_file(path, PlanError, _LARGEST)
    try:
        return BenchmarkPlan.model_validate(parse_small_yaml(text, path, PlanError) or {})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise PlanError(f"{path}: {where}: {first['msg']}") from None
