"""A plan: what is measured, as plain configuration."""

from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError

from hrpn_benchmarks.errors import PlanError
from hrpn_benchmarks.measures import Strict

SHIPPED = Path(__file__).parent / "plans"
Side = Annotated[int, Field(ge=1, le=65536)]
Count = Annotated[int, Field(ge=1, le=4096)]


class Peer(Strict):
    """What a user would take in place of a bundle, measured on rows of its own.

    Attributes:
        name: of the network, for people.
        load: ``module:function``. The function takes a ``Cell`` and gives a ``Session``; it is
            run, so a plan is as much to be trusted as a program.
        format: what the network is written in.
        runtime: what runs it.
        precision: of its arithmetic.
        scenarios: that it can do; those of the plan are taken from these.
        devices: that it can use.
    """

    name: str
    load: Annotated[str, Field(pattern=r"^[\w.]+:\w+$")]
    format: str = "pytorch"
    runtime: str = "pytorch"
    precision: str = "fp32"
    scenarios: tuple[str, ...] = ("startup", "tile", "stream", "throughput", "scaling")
    devices: tuple[str, ...] = ("cpu", "cuda")


class Plan(Strict):
    """What is measured: three axes, and how long.

    Attributes:
        formats, precisions, runtimes: of the bundles; empty for all that are certified.
        peers: what else gets rows.
        scenarios: see ``hrpn_benchmarks.scenarios.sessions``, and those that other packages add.
        sides: of tiles, px; a cell for each. They are rounded up to the stride multiple.
        slides: sides of whole slides, px, for the scenario ``slide``.
        patch: side of training patches, px, for the scenario ``training``.
        batch: training patches in a step.
        threads: of the runtime; a cell for each.
        processes: that do the same at the same time, on cores of their own; a cell for each.
        device: see ``hrpn_export.open_session``.
        rounds: fresh processes for each cell; their samples are put together.
        seconds: of measuring in each round, at least; there are three samples in any case.
        timeout: s; a cell that takes longer in one round is given up.
        uncertified: measure formats that missed their limit, too.
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
    timeout: Annotated[float, Field(gt=0)] = 300.0
    uncertified: bool = False


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
