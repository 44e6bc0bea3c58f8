"""What would the prediction of many slides cost, and what would saturate first?

    python benchmarks/experiments/cohort_on_paper.py
    python benchmarks/experiments/cohort_on_paper.py --slides 500 --mpx-per-core 1.4 --dtype uint8

Nothing is measured: the Markdown tables of docs/results/scale.md follow from assumptions, each of
which is an option. ``--mpx-per-core`` is the Mpx/s that ``hrpn-tf predict SLIDES... --workers 0``
prints for its last slide, divided by the number of cores.
"""

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

GIGA, MEGA = 1e9, 1e6
BYTES = {"float32": 4, "uint16": 2, "uint8": 1}
# (help, unit) of each assumption, in the order of the table
MEANING = {
    "slides": "slides",
    "side": "px, side of a slide",
    "inputs": "input channels",
    "input_bytes": "bytes of a stored grey level (1: uint8, 2: uint16)",
    "input_ratio": "compressed size of a slide, of its raw pixels",
    "output_ratio": "compressed size of a prediction, of its raw pixels",
    "dtype": "of the predictions",
    "tissue": "share of the tiles that hold tissue; others are not computed",
    "mpx_per_core": "Mpx/s that a core computes, reading and writing included (measured)",
    "mpx_per_gpu": "Mpx/s that a GPU with its cores computes (no GPU was measured)",
    "cores": "cores of a CPU worker",
    "block": "px, side of a block: a shard of OME-Zarr 0.5",
    "chunk": "px, side of a chunk: a file of OME-Zarr 0.4",
    "part_seconds": "s, a task of a worker",
    "core_price": "$ for a core-hour",
    "gpu_price": "$ for a GPU-hour with its cores",
    "storage_price": "$ for a GB of storage and month",
    "bandwidth": "GB/s that the storage gives to all workers together",
    "creates": "files/s that the storage can make",
    "tasks": "tasks/s that a Dask scheduler handles",
    "round_trips": "times that looking at a slide before the start waits for the storage",
    "round_trip_ms": "ms, each time; eight slides are looked at at once",
    "checksum_rate": "GB/s at which a worker makes the checksum of a slide",
    "overlap": "px read of a slide, per px kept: halos",
}


@dataclass(frozen=True)
class Assumptions:
    """The assumptions behind the tables; see ``MEANING``."""

    slides: int = 10_000
    side: int = 60_000
    inputs: int = 2
    input_bytes: int = 1
    input_ratio: float = 0.5
    output_ratio: float = 0.5
    dtype: str = "uint8"
    tissue: float = 0.5
    mpx_per_core: float = 1.75
    mpx_per_gpu: float = 20.0
    cores: int = 4
    block: int = 2000
    chunk: int = 500
    part_seconds: float = 20.0
    core_price: float = 0.05
    gpu_price: float = 1.0
    storage_price: float = 0.02
    bandwidth: float = 5.0
    creates: float = 5000.0
    tasks: float = 1000.0
    round_trips: int = 16
    round_trip_ms: float = 2.0
    checksum_rate: float = 1.0
    overlap: float = 1.31

    @property
    def pixels(self) -> float:
        """Pixels of a slide."""
        return float(self.side) ** 2


@dataclass(frozen=True)
class Traffic:
    """Data that the prediction of one slide transfers and stores.

    Attributes:
        read, written: transfers over the network, bytes.
        stored: size of the result, bytes.
        files: number of files of the result.
    """

    read: float
    written: float
    stored: float
    files: float


def pyramid(full: float) -> float:
    """A full level plus the smaller levels, each a quarter of the one before."""
    return full * 4 / 3


def input_bytes(a: Assumptions) -> float:
    """Size of a stored slide with its pyramid, bytes."""
    return pyramid(a.pixels * a.inputs * a.input_bytes * a.input_ratio)


def traffic(a: Assumptions, layout: str) -> Traffic:
    """The traffic of one slide in one format."""
    level = a.pixels * BYTES[a.dtype] * a.output_ratio
    # the whole file for its checksum, then the tissue with its halos at full resolution
    read = input_bytes(a) + a.tissue * a.overlap * input_bytes(a) * 3 / 4
    if layout == "ome-tiff":  # assembled from blocks that are written and read first
        return Traffic(read + level, level + pyramid(level), pyramid(level), 1)
    side = a.block if layout == "ome-zarr-0.5" else a.chunk
    files = pyramid(math.ceil(a.side / side) ** 2)
    return Traffic(read + level, pyramid(level), pyramid(level), files)


def seconds_of_slide(a: Assumptions, rate: float) -> float:
    """Time of one worker that computes ``rate`` Mpx/s, s."""
    return a.pixels * a.tissue / MEGA / rate


def tasks_of_slide(a: Assumptions, rate: float) -> float:
    """Number of tasks: the start, the end, and the parts."""
    return 2 + math.ceil(seconds_of_slide(a, rate) / a.part_seconds)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def rounded(value: float) -> str:
    """Three digits, with thousands separated.

    >>> rounded(12345.6), rounded(0.01234), rounded(72.0)
    ('12 300', '0.0123', '72')
    """
    if value == 0:
        return "0"
    digits = 2 - math.floor(math.log10(abs(value)))
    short = round(value, digits)
    return (
        f"{short:,.0f}".replace(",", " ")
        if digits <= 0
        else f"{short:.{digits}f}".rstrip("0").rstrip(".")
    )


def assumptions_table(a: Assumptions) -> str:
    """Every assumption with its option."""
    rows = [
        [f"`--{f.name.replace('_', '-')}`", str(getattr(a, f.name)), MEANING[f.name]]
        for f in fields(a)
    ]
    return table(["option", "value", "meaning"], rows)


def bytes_table(a: Assumptions) -> str:
    """Bytes and files per format, of one slide and of all."""
    rows = []
    for layout in ("ome-tiff", "ome-zarr-0.5", "ome-zarr-0.4"):
        one = traffic(a, layout)
        rows.append(
            [
                layout,
                *(rounded(value / GIGA) for value in (one.read, one.written, one.stored)),
                rounded(one.files),
                *(rounded(value * a.slides / GIGA / 1000) for value in (one.read, one.stored)),
                rounded(one.files * a.slides),
                rounded(one.stored * a.slides / GIGA * a.storage_price),
            ]
        )
    rows.append(
        [
            "the slides",
            "",
            "",
            rounded(input_bytes(a) / GIGA),
            "1",
            "",
            rounded(input_bytes(a) * a.slides / GIGA / 1000),
            rounded(a.slides),
            rounded(input_bytes(a) * a.slides / GIGA * a.storage_price),
        ]
    )
    header = ["", "read, GB", "written, GB", "kept, GB", "files"]
    return table([*header, "all read, TB", "all kept, TB", "all files", "$/month"], rows)


def workers(a: Assumptions) -> list[tuple[str, float, float]]:
    """(name, Mpx/s, $/h) of each kind of worker."""
    cpu = (f"CPU worker, {a.cores} cores", a.mpx_per_core * a.cores, a.core_price * a.cores)
    return [cpu, ("GPU worker", a.mpx_per_gpu, a.gpu_price)]


def hours_table(a: Assumptions) -> str:
    """Hours and costs per kind of worker."""
    rows = []
    for name, rate, price in workers(a):
        hours = seconds_of_slide(a, rate) * a.slides / 3600
        rows.append(
            [
                name,
                rounded(rate),
                rounded(seconds_of_slide(a, rate) / 60),
                rounded(hours),
                *(rounded(hours / count / 24) for count in (10, 100, 1000)),
                rounded(hours * price),
            ]
        )
    days = [f"days on {count}" for count in ("10", "100", "1 000")]
    return table(["", "Mpx/s", "min a slide", "worker-hours", *days, "$"], rows)


def saturation_table(a: Assumptions) -> str:
    """How many workers of each kind saturate each shared resource."""
    rows = []
    for name, rate, _ in workers(a):
        seconds = seconds_of_slide(a, rate)
        tiff, zarr4 = traffic(a, "ome-tiff"), traffic(a, "ome-zarr-0.4")
        zarr5 = traffic(a, "ome-zarr-0.5")
        limits = {
            "bandwidth": a.bandwidth * GIGA / ((tiff.read + tiff.written) / seconds),
            "files of 0.5": a.creates / (zarr5.files / seconds),
            "files of 0.4": a.creates / (zarr4.files / seconds),
            "scheduler": a.tasks / (tasks_of_slide(a, rate) / seconds),
        }
        demand = (tiff.read + tiff.written) / seconds / MEGA
        rows.append([name, rounded(demand), *(rounded(value) for value in limits.values())])
    return table(
        [
            "",
            "MB/s a worker",
            "workers at the storage's bandwidth",
            "at its file creations, OME-Zarr 0.5",
            "OME-Zarr 0.4",
            "at the scheduler's tasks",
        ],
        rows,
    )


def rest_table(a: Assumptions) -> str:
    """Further costs of the whole set of slides."""
    look = a.slides * a.round_trips * a.round_trip_ms / 1000 / 8
    checksum = input_bytes(a) / GIGA / a.checksum_rate
    rows = [
        ["looking at all slides before the start, minutes", rounded(look / 60)],
        ["checksum of a slide, s", rounded(checksum)],
        ["checksums of all, worker-hours", rounded(checksum * a.slides / 3600)],
        *(
            [f"tasks in all, {name}", rounded(tasks_of_slide(a, rate) * a.slides)]
            for name, rate, _ in workers(a)
        ),
    ]
    return table(["what else", ""], rows)


def report(a: Assumptions) -> str:
    """All tables, separated by empty lines."""
    tables = (assumptions_table, bytes_table, hours_table, saturation_table, rest_table)
    return "\n\n".join(make(a) for make in tables)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for f in fields(Assumptions):
        choices = list(BYTES) if f.name == "dtype" else None
        option = f"--{f.name.replace('_', '-')}"
        kind = type(f.default)
        parser.add_argument(
            option, type=kind, default=f.default, choices=choices, help=MEANING[f.name]
        )
    print(report(Assumptions(**vars(parser.parse_args(arguments)))))


if __name__ == "__main__":
    main()
