"""``coverage.md``: guarantee and measured coverage of the intervals, and their assumptions."""

from collections.abc import Sequence

from hrpn_tf.evaluation.intervals import Correction, CoverageRow
from hrpn_tf.evaluation.intervals import to_markdown as tables
from hrpn_tf.runs.slides import RunSlide
from hrpn_tf.workflows.calibrate.slides import groups_of

SCHEMA = "hrpn-tf calibration 1"


def promise(coverage: float, guarantee: bool, correction: Correction) -> str:
    """One sentence that states the guarantee and its assumption."""
    least, groups = min(correction.guaranteed), min(correction.groups)
    words = "as asked for" if guarantee else "less than asked for, since no guarantee was wanted"
    return (
        f"In every band of predicted intensity the intervals hold, in expectation over new groups, "
        f"at least {least:.1%} of the pixels ({words}; nominal {coverage:.1%}; {groups} groups or "
        "more calibrate each band), if new groups are exchangeable with those that calibrated: "
        "same kind of tumour, staining, scanner and dose"
    )


def to_markdown(
    coverage: float,
    guarantee: bool,
    correction: Correction,
    slides: Sequence[RunSlide],
    table: Sequence[CoverageRow],
) -> str:
    """The whole report."""
    subsets = ", ".join(sorted({slide.subset for slide in slides}))
    edges = ["0", *(f"{edge:.3g}" for edge in correction.edges)]
    lines = [
        f"| {edge} | {factor:.3f} | {groups} | {least:.3f} |"
        for edge, factor, groups, least in zip(
            edges, correction.factors, correction.groups, correction.guaranteed, strict=True
        )
    ]
    parts = [
        "# Prediction intervals",
        f"{promise(coverage, guarantee, correction)}. Pixels of tissue count. A single slide may "
        "be covered more or less.",
        f"Calibrated on {len(slides)} slides of {len(groups_of(slides))} groups ({subsets}).",
        "| predicted from, grey levels | factor | groups | guaranteed |\n|---:|---:|---:|---:|\n"
        + "\n".join(lines),
    ]
    if table:
        parts += [
            "## Coverage on slides that neither trained nor calibrated",
            "`coverage`: share of pixels within their interval, mean over slides; `pooled`: over "
            "all pixels; `under`, `over`: share below the lower and above the upper bound; "
            "`width`: grey levels. Nothing is promised for a band of *measured* intensity: to "
            "choose pixels by what was measured is to choose those that the network missed.",
            tables(table).rstrip("\n"),
        ]
    return "\n\n".join(parts) + "\n"
