"""The cells of a benchmark: one model in one format, under one scenario, launched in one way."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from hrpn_export import Bundle, open_bundle
from hrpn_export.formats import find_format
from hrpn_export.runtimes import find_runtime
from pydantic import Field, ValidationError

from hrpn_benchmarks.errors import PlanError
from hrpn_benchmarks.measures import Strict

SHIPPED = Path(__file__).parent / "plans"
ScenarioName = Literal["startup", "tile", "stream", "throughput"]
Side = Annotated[int, Field(ge=1, le=16384)]


class Plan(Strict):
    """What is measured: three axes, and how long.

    Attributes:
        formats, precisions, runtimes: of the bundles; empty for all that are certified.
        scenarios: see ``hrpn_benchmarks.scenarios``.
        sides: of tiles, px; a cell for each. They are rounded up to the stride multiple.
        threads: of the runtime; a cell for each.
        device: see ``hrpn_export.open_session``.
        rounds: fresh processes for each cell; their samples are put together.
        seconds: of measuring in each round, at least; there are three samples in any case.
        timeout: s; a cell that takes longer in one round is given up.
        uncertified: measure formats that missed their limit, too.
    """

    formats: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ()
    runtimes: tuple[str, ...] = ()
    scenarios: tuple[ScenarioName, ...] = ("startup", "tile")
    sides: tuple[Side, ...] = (512,)
    threads: tuple[Annotated[int, Field(ge=1)], ...] = (1,)
    device: str = "cpu"
    rounds: Annotated[int, Field(ge=1)] = 3
    seconds: Annotated[float, Field(ge=0)] = 2.0
    timeout: Annotated[float, Field(gt=0)] = 300.0
    uncertified: bool = False


class Cell(Strict):
    """One row of a report, as it is sent to the process that measures it.

    Attributes:
        model: name of the bundle's network.
        bundle: absolute path.
        format, precision, runtime, device: of the session.
        scenario: what is done with it.
        side: of a tile, px; a multiple of the stride multiple.
        threads: of the runtime.
        seconds: of measuring, at least.
        uncertified: whether the session may be of a format that missed its limit.
    """

    model: str
    bundle: str
    format: str
    precision: str
    runtime: str
    device: str
    scenario: ScenarioName
    side: int
    threads: int
    seconds: float
    uncertified: bool = False

    @property
    def key(self) -> str:
        """Tells the cell from all others, whatever the path and the length of measuring."""
        fields = self.model_dump(exclude={"bundle", "seconds", "uncertified"})
        text = "|".join(f"{name}={value}" for name, value in sorted(fields.items()))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def title(self) -> str:
        """For people."""
        return (
            f"{self.model} {self.format} {self.precision} ({self.runtime}), {self.scenario}, "
            f"{self.side} px, {self.threads} threads, {self.device}"
        )


def read_plan(source: str | Path) -> Plan:
    """A plan from a YAML file, or a shipped one by name.

    Raises:
        PlanError: no such file, no YAML, an unknown key, or a value out of range.
    """
    shipped = {path.stem: path for path in sorted(SHIPPED.glob("*.yaml"))}
    path = Path(source)
    if not path.is_file():
        if str(source) not in shipped:
            raise PlanError(f"{source}: no such file, nor a shipped plan ({', '.join(shipped)})")
        path = shipped[str(source)]
    try:
        values: Any = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        return Plan.model_validate(values)
    except yaml.YAMLError as error:
        raise PlanError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise PlanError(f"{path}: {where}: {first['msg']}") from None


def expand(plan: Plan, bundles: Sequence[Path]) -> list[Cell]:
    """All cells of a plan.

    Raises:
        PlanError: two bundles have one name, or nothing is left to measure.
        DamagedBundleError: a bundle cannot be opened.
    """
    cells: list[Cell] = []
    names: dict[str, Path] = {}
    for path in bundles:
        bundle = open_bundle(path)
        name = bundle.manifest.name
        if name in names:
            raise PlanError(f"{path} and {names[name]} are both of a network {name}")
        names[name] = path
        cells += _cells_of(plan, path.absolute(), bundle)
    if not cells:
        there = ", ".join(map(str, bundles))
        raise PlanError(f"{there}: nothing in there is what the plan asks for, and certified")
    return cells


def _cells_of(plan: Plan, path: Path, bundle: Bundle) -> Iterator[Cell]:
    multiple = bundle.contract.stride_multiple
    for format, precision, runtime in _sessions(plan, bundle):
        for scenario in plan.scenarios:
            # a start does not depend on the tile, nor a stream, which has its own sizes
            sides = plan.sides if scenario in ("tile", "throughput") else plan.sides[:1]
            for side in sides:
                for threads in plan.threads:
                    yield Cell(
                        model=bundle.manifest.name,
                        bundle=str(path),
                        format=format,
                        precision=precision,
                        runtime=runtime,
                        device=plan.device,
                        scenario=scenario,
                        side=-(-side // multiple) * multiple,
                        threads=threads,
                        seconds=plan.seconds,
                        uncertified=plan.uncertified,
                    )


def _sessions(plan: Plan, bundle: Bundle) -> Iterator[tuple[str, str, str]]:
    """(format, precision, runtime) of all sessions that a plan asks for."""
    for artefact in bundle.manifest.artefacts:
        format, precision = artefact.format, artefact.precision
        if plan.formats and format not in plan.formats:
            continue
        if plan.precisions and precision not in plan.precisions:
            continue
        if not plan.uncertified and bundle.certificate.problem(format, precision):
            continue
        for name in find_format(format).runtimes:
            runtime = find_runtime(name)
            fits = runtime.precisions is None or precision in runtime.precisions
            asked = not plan.runtimes or name in plan.runtimes
            if fits and asked and plan.device.partition(":")[0] in runtime.devices:
                yield format, precision, name
