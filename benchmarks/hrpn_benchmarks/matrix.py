"""The cells of a benchmark: one model in one format, under one scenario, launched in one way."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hrpn_export import Bundle, open_bundle
from hrpn_export.formats import find_format
from hrpn_export.runtimes import find_runtime

from hrpn_benchmarks.errors import PlanError
from hrpn_benchmarks.measures import Strict
from hrpn_benchmarks.plan import Plan
from hrpn_benchmarks.scenarios.scenario import Scenario, find_scenario


class Cell(Strict):
    """One row of a report, as it is sent to the process that measures it.

    Attributes:
        model: name of the bundle's network, or of the peer.
        bundle: absolute path; empty for a peer.
        peer: ``module:function`` that gives a peer's session; empty for a bundle.
        format, precision, runtime, device: of the session.
        scenario: what is done with it.
        side: of a tile, a slide or a training patch, px; a multiple of the stride multiple.
        batch: training patches in a step; 1 elsewhere.
        threads: of the runtime.
        processes: that do the same at the same time.
        seconds: of measuring, at least.
        uncertified: whether the session may be of a format that missed its limit.
    """

    model: str
    bundle: str
    format: str
    precision: str
    runtime: str
    device: str
    scenario: str
    side: int
    threads: int
    seconds: float
    peer: str = ""
    batch: int = 1
    processes: int = 1
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
        processes = f", {self.processes} processes" if self.processes > 1 else ""
        return (
            f"{self.model} {self.format} {self.precision} ({self.runtime}), {self.scenario}, "
            f"{self.side} px, {self.threads} threads{processes}, {self.device}"
        )


@dataclass(frozen=True)
class _Subject:
    """What is measured, whatever is done with it."""

    model: str
    format: str
    precision: str
    runtime: str
    bundle: str = ""
    peer: str = ""
    multiple: int = 1
    scenarios: tuple[str, ...] | None = None


def expand(plan: Plan, bundles: Sequence[Path]) -> list[Cell]:
    """All cells of a plan.

    Raises:
        PlanError: two networks have one name, a scenario is not known, or nothing is left to
            measure.
        DamagedBundleError: a bundle cannot be opened.
    """
    scenarios = [find_scenario(name) for name in plan.scenarios]
    subjects: list[_Subject] = []
    names: dict[str, str] = {}
    for path in bundles:
        bundle = open_bundle(path)
        _claim(names, bundle.manifest.name, str(path))
        subjects += _subjects_of(plan, path.absolute(), bundle)
    for peer in plan.peers:
        _claim(names, peer.name, "a peer of the plan")
        if plan.device.partition(":")[0] in peer.devices:
            subjects.append(
                _Subject(
                    model=peer.name,
                    format=peer.format,
                    precision=peer.precision,
                    runtime=peer.runtime,
                    peer=peer.load,
                    scenarios=peer.scenarios,
                )
            )
    cells = [cell for each in subjects for cell in _cells_of(plan, scenarios, each)]
    if not cells:
        there = ", ".join(map(str, bundles))
        raise PlanError(f"{there}: nothing in there is what the plan asks for, and certified")
    return cells


def _claim(names: dict[str, str], name: str, owner: str) -> None:
    if name in names:
        raise PlanError(f"{owner} and {names[name]} are both of a network {name}")
    names[name] = owner


def _subjects_of(plan: Plan, path: Path, bundle: Bundle) -> Iterator[_Subject]:
    """All sessions of a bundle that a plan asks for."""
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
                yield _Subject(
                    model=bundle.manifest.name,
                    format=format,
                    precision=precision,
                    runtime=name,
                    bundle=str(path),
                    multiple=bundle.contract.stride_multiple,
                )


def _cells_of(plan: Plan, scenarios: Sequence[Scenario], subject: _Subject) -> Iterator[Cell]:
    for scenario in scenarios:
        if subject.scenarios is not None and scenario.name not in subject.scenarios:
            continue
        if subject.bundle and scenario.formats and subject.format not in scenario.formats:
            continue
        for side in _sides(plan, scenario):
            for threads, processes in _launches(plan, scenario):
                yield Cell(
                    model=subject.model,
                    bundle=subject.bundle,
                    peer=subject.peer,
                    format=subject.format,
                    precision=subject.precision,
                    runtime=subject.runtime,
                    device=plan.device,
                    scenario=scenario.name,
                    side=-(-side // subject.multiple) * subject.multiple,
                    batch=plan.batch if scenario.sides == "patch" else 1,
                    threads=threads,
                    processes=processes,
                    seconds=plan.seconds,
                    uncertified=plan.uncertified,
                )


def _sides(plan: Plan, scenario: Scenario) -> tuple[int, ...]:
    return {
        "tiles": plan.sides,
        "tile": plan.sides[:1],
        "slides": plan.slides,
        "patch": (plan.patch,),
    }[scenario.sides]


def _launches(plan: Plan, scenario: Scenario) -> Iterator[tuple[int, int]]:
    """(threads, processes) of all ways to launch a scenario."""
    if scenario.scales:
        cores = len(os.sched_getaffinity(0))
        steps = {min(2**power, cores) for power in range(cores.bit_length() + 1)}
        yield from ((threads, 1) for threads in sorted(steps))
        return
    for threads in plan.threads:
        for processes in plan.processes if scenario.shared else (1,):
            yield threads, processes
