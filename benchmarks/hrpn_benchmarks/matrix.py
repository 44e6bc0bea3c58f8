"""The matrix of a benchmark: every case that a plan asks for."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hrpn_export import Bundle, open_bundle
from hrpn_export.formats import find_format
from hrpn_export.runtimes import find_runtime

from hrpn_benchmarks.case import BenchmarkCase
from hrpn_benchmarks.errors import PlanError
from hrpn_benchmarks.plan import BenchmarkPlan
from hrpn_benchmarks.scenarios.registry import find_scenario
from hrpn_benchmarks.scenarios.scenario import Scenario


@dataclass(frozen=True)
class _Subject:
    """A network that can be opened as a session: from a bundle, or a baseline implementation.

    Attributes:
        model, format, precision, runtime, bundle, peer: as in :class:`BenchmarkCase`.
        devices: kinds of device that it runs on.
        multiple: stride multiple, px.
        scenarios: names of the scenarios that it supports; None for all.
    """

    model: str
    format: str
    precision: str
    runtime: str
    devices: tuple[str, ...]
    bundle: str = ""
    peer: str = ""
    multiple: int = 1
    scenarios: tuple[str, ...] | None = None

    def supports(self, scenario: Scenario) -> bool:
        """Whether the scenario can be run with it."""
        if self.scenarios is not None:
            return scenario.name in self.scenarios
        return not scenario.formats or self.format in scenario.formats


def expand(plan: BenchmarkPlan, bundles: Sequence[Path]) -> list[BenchmarkCase]:
    """List every case of a plan.

    Args:
        plan: formats, scenarios, sizes and ways to launch.
        bundles: folders or zips.

    Returns:
        The cases, bundle by bundle, then the baseline implementations.

    Raises:
        PlanError: two networks have the same name, a scenario is unknown, or nothing is left to
            measure.
        DamagedBundleError: a bundle cannot be opened.

    Example:
        ``expand(BenchmarkPlan(scenarios=("tile",), sides=(256, 512)), [Path("bundle")])``
    """
    scenarios = [find_scenario(name) for name in plan.scenarios]
    opened = [(path, open_bundle(path)) for path in bundles]
    _refuse_equal_names(opened, plan)
    subjects = [each for path, bundle in opened for each in _of_bundle(plan, path, bundle)]
    subjects += _of_baselines(plan)
    kind = plan.device.partition(":")[0]
    cases = [
        case
        for subject in subjects
        if kind in subject.devices
        for scenario in scenarios
        if subject.supports(scenario)
        for case in _cases(plan, scenario, subject)
    ]
    if not cases:
        there = ", ".join(map(str, bundles))
        raise PlanError(f"{there}: nothing in there is what the plan asks for, and certified")
    return cases


def _refuse_equal_names(bundles: Sequence[tuple[Path, Bundle]], plan: BenchmarkPlan) -> None:
    """Rows of a report are told apart by the name of their network."""
    names: dict[str, str] = {}
    owners = [(bundle.manifest.name, str(path)) for path, bundle in bundles]
    owners += [(peer.name, "a baseline implementation of the plan") for peer in plan.peers]
    for name, owner in owners:
        if name in names:
            raise PlanError(f"{owner} and {names[name]} are both of a network {name}")
        names[name] = owner


def _of_bundle(plan: BenchmarkPlan, path: Path, bundle: Bundle) -> Iterator[_Subject]:
    """Every session of a bundle that a plan asks for."""
    for artefact in bundle.manifest.artefacts:
        format, precision = artefact.format, artefact.precision
        if plan.formats and format not in plan.formats:
            continue
        if plan.precisions and precision not in plan.precisions:
            continue
        for name in find_format(format).runtimes:
            if not plan.uncertified and bundle.certificate.problem(format, precision, name):
                continue
            runtime = find_runtime(name)
            fits = runtime.precisions is None or precision in runtime.precisions
            # the memory of a browser is not that of the worker that is measured
            if runtime.here and fits and (not plan.runtimes or name in plan.runtimes):
                yield _Subject(
                    model=bundle.manifest.name,
                    format=format,
                    precision=precision,
                    runtime=name,
                    devices=runtime.devices,
                    bundle=str(path.absolute()),
                    multiple=bundle.contract.stride_multiple,
                )


def _of_baselines(plan: BenchmarkPlan) -> Iterator[_Subject]:
    for peer in plan.peers:
        yield _Subject(
            model=peer.name,
            format=peer.format,
            precision=peer.precision,
            runtime=peer.runtime,
            devices=peer.devices,
            peer=peer.load,
            scenarios=peer.scenarios,
        )


def _cases(plan: BenchmarkPlan, scenario: Scenario, subject: _Subject) -> Iterator[BenchmarkCase]:
    for side in _sides(plan, scenario):
        for threads, processes in _launches(plan, scenario):
            yield BenchmarkCase(
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
                bound=plan.bound,
            )


def _sides(plan: BenchmarkPlan, scenario: Scenario) -> tuple[int, ...]:
    return {
        "tiles": plan.sides,
        "tile": plan.sides[:1],
        "slides": plan.slides,
        "patch": (plan.patch,),
    }[scenario.sides]


def _launches(plan: BenchmarkPlan, scenario: Scenario) -> Iterator[tuple[int, int]]:
    """(threads, processes) of each way to launch a scenario."""
    if scenario.scales:
        cores = len(os.sched_getaffinity(0))
        steps = {min(2**power, cores) for power in range(cores.bit_length() + 1)}
        yield from ((threads, 1) for threads in sorted(steps))
        return
    for threads in plan.threads:
        for processes in plan.processes if scenario.shared else (1,):
            yield threads, processes
