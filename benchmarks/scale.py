"""A cohort of thousands of slides on paper: bytes, hours, money, and what saturates first.

    python benchmarks/scale.py --slides 10000 --cpu-mpx-s 3.5

Every number of docs/scale.md is printed by this script from its options. Only the speed on a CPU is
measured (the line that ``hrpn-tf predict`` prints for a slide); options marked "assumed" are not.
"""

import argparse
from dataclasses import dataclass

_CHUNK = 512
_SHARD = 2048
_BLOCKS_PER_TASK = 16
_PYRAMID = 4 / 3


@dataclass(frozen=True)
class Cohort:
    """What is assumed.

    Attributes:
        slides: number.
        side: of a slide, px.
        channels: of the input.
        input_bytes, output_bytes: per pixel and channel, before compression.
        input_ratio, output_ratio: uncompressed over compressed bytes.
        tissue: share of the tiles that are computed.
        cpu_mpx_s: predicted by a node of ``cores``, 1e6 px per second.
        gpu_mpx_s: the same of a GPU.
        cores: of a CPU node.
        cpu_price, gpu_price: of a node per hour.
        storage_mb_s: that the file system reads and writes in all.
        scheduler_tasks_s: tasks per second that one scheduler keeps up with.
    """

    slides: int
    side: int
    channels: int
    input_bytes: int
    output_bytes: int
    input_ratio: float
    output_ratio: float
    tissue: float
    cpu_mpx_s: float
    gpu_mpx_s: float
    cores: int
    cpu_price: float
    gpu_price: float
    storage_mb_s: float
    scheduler_tasks_s: float

    @property
    def pixels(self) -> int:
        """Of a slide."""
        return self.side**2

    @property
    def read_bytes(self) -> float:
        """Of a slide, compressed, read twice: once for its checksum, once for its pixels."""
        return 2 * self.pixels * self.channels * self.input_bytes / self.input_ratio

    @property
    def written_bytes(self) -> float:
        """Of a result, compressed, with its pyramid."""
        return self.pixels * self.output_bytes / self.output_ratio * _PYRAMID

    @property
    def tasks(self) -> int:
        """Of a slide."""
        blocks = (-(-self.side // _SHARD)) ** 2
        return -(-blocks // _BLOCKS_PER_TASK) + 2


def words(value: float) -> str:
    """A number for a table.

    >>> words(0.00512), words(1234567.8)
    ('0.0051', '1 230 000')
    """
    if value < 100:
        return f"{value:.2g}"
    return f"{round(float(f'{value:.3g}')):,}".replace(",", " ")


def bytes_table(cohort: Cohort) -> str:
    """What is stored and moved."""
    per_shard = (-(-cohort.side // _SHARD)) ** 2 * _PYRAMID
    per_chunk = (-(-cohort.side // _CHUNK)) ** 2 * _PYRAMID
    moved = cohort.read_bytes + cohort.written_bytes
    rows = [
        ("input read, GB", cohort.read_bytes / 1e9),
        ("result written, GB", cohort.written_bytes / 1e9),
        ("read and written, GB", moved / 1e9),
        ("files of a result: OME-TIFF", 1),
        ("files of a result: OME-Zarr 0.5 (shards)", per_shard),
        ("files of a result: OME-Zarr 0.4 (chunks)", per_chunk),
        ("tasks", cohort.tasks),
    ]
    lines = [f"| | one slide | {cohort.slides} slides |", "|---|---|---|"]
    lines += [f"| {name} | {words(one)} | {words(one * cohort.slides)} |" for name, one in rows]
    return "\n".join(lines)


def node_table(cohort: Cohort) -> str:
    """Hours, money, and at how many nodes what they share is used up."""
    lines = [
        "| node | hours per slide | node hours | cost | storage is full at | scheduler at |",
        "|---|---|---|---|---|---|",
    ]
    kinds = (
        (f"CPU, {cohort.cores} cores", cohort.cpu_mpx_s, cohort.cpu_price),
        ("GPU (assumed)", cohort.gpu_mpx_s, cohort.gpu_price),
    )
    for name, rate, price in kinds:
        seconds = cohort.pixels * cohort.tissue / 1e6 / rate
        hours = seconds * cohort.slides / 3600
        moved = (cohort.read_bytes + cohort.written_bytes) / 1e6 / seconds
        storage = cohort.storage_mb_s / moved
        scheduler = cohort.scheduler_tasks_s / (cohort.tasks / seconds)
        lines.append(
            f"| {name} | {words(seconds / 3600)} | {words(hours)} | {words(hours * price)} | "
            f"{words(storage)} nodes | {words(scheduler)} nodes |"
        )
    return "\n".join(lines)


def report(cohort: Cohort) -> str:
    """Both tables."""
    return f"{bytes_table(cohort)}\n\n{node_table(cohort)}\n"


def parse(arguments: list[str] | None = None) -> Cohort:
    """The assumptions from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    defaults: list[tuple[str, float, str]] = [
        ("slides", 10_000, "number of slides"),
        ("side", 60_000, "side of a slide, px"),
        ("channels", 2, "input channels"),
        ("input-bytes", 1, "bytes per input pixel and channel, uncompressed"),
        ("output-bytes", 2, "bytes per result pixel, uncompressed (--dtype uint16)"),
        ("input-ratio", 2.0, "compression of the input (assumed)"),
        ("output-ratio", 5.0, "compression of the result (assumed)"),
        ("tissue", 0.5, "share of tiles with tissue (assumed)"),
        ("cpu-mpx-s", 3.5, "Mpx/s that hrpn-tf predict prints on a CPU node"),
        ("gpu-mpx-s", 100.0, "Mpx/s of a GPU (assumed)"),
        ("cores", 2, "cores of that CPU node"),
        ("cpu-price", 0.1, "price of a CPU node per hour (assumed)"),
        ("gpu-price", 2.0, "price of a GPU node per hour (assumed)"),
        ("storage-mb-s", 2000.0, "MB/s of the file system (assumed)"),
        ("scheduler-tasks-s", 200.0, "tasks per second of a Dask scheduler (assumed)"),
    ]
    for name, value, text in defaults:
        parser.add_argument(f"--{name}", type=type(value), default=value, help=text)
    return Cohort(**vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    print(report(parse()), end="")
