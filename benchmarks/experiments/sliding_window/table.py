"""The Markdown table of the experiment."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

HEADER = (
    *("contestant", "s", "x ours", "processor, s", "x ours", "in the network, s", "Mpx computed"),
    *("peak, MB", "above the loaded network, MB", "x ours"),
    *("largest difference", "without edges", "mean", "others, cores"),
)


def markdown(report: Mapping[str, Any]) -> str:
    """The machine, a table of all contestants, and the network's share of our time."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    measured = [c for c in report["contestants"] if "error" not in c["rounds"][0]]
    yield from _head(report, measured)
    yield ""
    yield f"| {' | '.join(HEADER)} |"
    yield "|" + "---|" * len(HEADER)
    ours = report["contestants"][0]["rounds"]
    for contestant in report["contestants"]:
        yield f"| {contestant['name']} | {' | '.join(_columns(contestant, ours))} |"
    yield ""
    for contestant in measured:
        shares = [
            r["bare_seconds"] / r["seconds"] for r in contestant["rounds"] if "bare_seconds" in r
        ]
        if shares:
            each = ", ".join(f"{share:.0%}" for share in shares)
            yield (
                f"{contestant['name']}: the bare session on the same tiles takes "
                f"{median(shares):.0%} of the time of the prediction ({each})."
            )
    if report["left_out"]:
        yield f"Left out: {report['left_out']}."


def _head(report: Mapping[str, Any], measured: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    sample, machine = report["sample"], report["machine"]
    versions: dict[str, str] = {}
    for contestant in measured:
        versions |= contestant["rounds"][0]["engine"]
    others = [r["others"] for c in measured for r in c["rounds"]]
    made = "given" if sample["tissue"] is None else f"{sample['tissue']:.0%} tissue"
    yield (
        f"`{sample['preset']}`, {sample['height']} x {sample['width']} px ({made}), two 8-bit "
        f"channels; {machine['processor']}, {machine['cores']} cores, {machine['threads']} "
        f"threads; {', '.join(f'{name} {number}' for name, number in versions.items())}; "
        f"{machine['date']}."
    )
    yield (
        f"Median of {max(len(c['rounds']) for c in report['contestants'])} rounds; ratios are "
        "medians of the ratios within a round. Other processes took "
        f"{median(others) if others else 0.0:.2f} cores in the median, at most "
        f"{max(others, default=0.0):.2f}."
    )
    if sample["copy_difference"] is not None:
        yield (
            "The PyTorch copy of the network differs from it by at most "
            f"{sample['copy_difference']:.1e} grey level on a random tile."
        )


def _columns(contestant: Mapping[str, Any], ours: Sequence[Mapping[str, Any]]) -> list[str]:
    rounds, error = contestant["rounds"], contestant["difference"]
    for result in rounds:
        if "error" in result:
            return [result["error"], *[""] * (len(HEADER) - 2)]

    def middle(key: str, unit: float = 1.0) -> str:
        return short(median(result[key] for result in rounds) / unit)

    def ratio(key: str) -> str:
        pairs = [(result[key], own.get(key)) for result, own in zip(rounds, ours, strict=False)]
        ratios = [a / b for a, b in pairs if b]
        return f"{median(ratios):.2f}" if ratios else ""

    return [
        *(middle("seconds"), ratio("seconds"), middle("cpu_seconds"), ratio("cpu_seconds")),
        *(middle("network_seconds"), middle("pixels", 1e6)),
        *(middle("peak", 1e6), middle("above", 1e6), ratio("above")),
        *(f"{error[key]:.1e}" for key in ("largest", "inside", "mean")),
        middle("others"),
    ]


def short(value: float) -> str:
    """Three digits, without an exponent where possible.

    >>> short(1234.5), short(0.012345)
    ('1230', '0.0123')
    """
    return f"{float(f'{value:.3g}'):g}"
