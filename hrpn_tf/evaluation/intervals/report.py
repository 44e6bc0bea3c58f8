"""Coverage and width as tables: each slide, then each band."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import reduce

from hrpn_tf.evaluation.intervals.coverage import Bands, Kind, SlideCoverage, mean_over_slides
from hrpn_tf.evaluation.tables import aligned
from hrpn_tf.text import csv_text, markdown, with_decimals

KINDS: tuple[Kind, ...] = (
    "all",
    "predicted intensity",
    "distance to vessel",
    "measured intensity",
)


@dataclass(frozen=True)
class CoverageRow:
    """One slide, or one band of all slides.

    Attributes:
        kind: "slide", or the kind of band.
        name: of the slide or band.
        slides: how many have pixels there.
        pixels: how many.
        coverage: share of pixels within the bounds, mean over slides; None without pixels.
        pooled: the same over all pixels of all slides.
        under, over: share of all pixels below the lower, above the upper bound.
        width: mean of upper minus lower over all pixels, grey levels.
    """

    kind: str
    name: str
    slides: int
    pixels: int
    coverage: float | None
    pooled: float | None
    under: float | None
    over: float | None
    width: float | None


def rows(slides: Sequence[SlideCoverage], bands: Bands) -> list[CoverageRow]:
    """Every slide, then all together, then each band."""
    found = [_row("slide", slide.name, "all", 0, [slide]) for slide in slides]
    for kind in KINDS:
        those = [slide for slide in slides if kind in slide.counts]
        if those:
            names = bands.names(kind)
            found += [_row(kind, name, kind, band, those) for band, name in enumerate(names)]
    return found


def to_csv(table: Sequence[CoverageRow]) -> str:
    """One line per row; undefined values are empty."""
    heads = list(CoverageRow.__dataclass_fields__)
    return csv_text(heads, (asdict(row).values() for row in table))


def to_markdown(table: Sequence[CoverageRow]) -> str:
    """One table for slides and one for each kind of band."""
    parts = []
    for kind in dict.fromkeys(row.kind for row in table):
        head = [kind, "slides", "pixels", "coverage", "pooled", "under", "over", "width"]
        lines = [head, *(_cells(row) for row in table if row.kind == kind)]
        parts.append(aligned(lines, left=1))
    return "\n".join(parts)


def _row(
    kind: str, name: str, counted: Kind, band: int, slides: Sequence[SlideCoverage]
) -> CoverageRow:
    each = [slide.counts[counted] for slide in slides]
    total = reduce(lambda one, two: one + two, each)
    pixels = int(total.pixels[band])
    if not pixels:
        return CoverageRow(kind, name, 0, 0, None, None, None, None, None)
    return CoverageRow(
        kind=kind,
        name=name,
        slides=sum(bool(counts.pixels[band]) for counts in each),
        pixels=pixels,
        coverage=float(mean_over_slides([counts.coverage for counts in each])[band]),
        pooled=float(total.coverage[band]),
        under=float(total.under[band] / pixels),
        over=float(total.over[band] / pixels),
        width=float(total.mean_width[band]),
    )


def _cells(row: CoverageRow) -> list[str]:
    shares = (row.coverage, row.pooled, row.under, row.over)
    cells = ["-" if share is None else f"{share:.3f}" for share in shares]
    width = "-" if row.width is None else with_decimals(row.width)
    return [markdown(row.name), str(row.slides), str(row.pixels), *cells, width]
