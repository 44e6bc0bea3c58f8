"""Write the report of a run or an evaluation: pages, figures, tiles; without TensorFlow."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hrpn_tf.errors import HrpnError, UsageError
from hrpn_tf.evaluation.density import shared_edges
from hrpn_tf.evaluation.evaluation import POOLED
from hrpn_tf.evaluation.report.counts import ReportCounts, no_counts
from hrpn_tf.evaluation.report.metrics_tables import ReportMetrics
from hrpn_tf.evaluation.report.pages import SCRIPTS, copy_assets
from hrpn_tf.files import atomic_path, remove
from hrpn_tf.prediction.provenance_match import warn_of_unknown_input
from hrpn_tf.progress import Progress
from hrpn_tf.runs import Run
from hrpn_tf.runs.slides import find_prediction
from hrpn_tf.workflows.report.facts import run_facts
from hrpn_tf.workflows.report.options import ReportOptions
from hrpn_tf.workflows.report.pages import file_name, page_name, write_index, write_slide_pages
from hrpn_tf.workflows.report.slides import SlideContent, slide_content
from hrpn_tf.workflows.report.sources import Sources, default_out, find_sources

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reported:
    """A written report.

    Attributes:
        page: page to open.
        slides: number of slides with a page.
        problems: reasons for missing pages, by name of the slide.
        tile_bytes: size of all tiles.
    """

    page: Path
    slides: int
    problems: dict[str, str]
    tile_bytes: int


def report_run(
    path: Run | Path,
    *,
    out: Path | None = None,
    options: ReportOptions | None = None,
    overwrite: bool = False,
    progress: bool = True,
) -> Reported:
    """Write the report of a run or an evaluation.

    A slide that cannot be shown (missing, damaged, not finite) is listed with its metrics and the
    reason; the other slides are shown.

    Args:
        path: RUN or EVALUATION; or an open run.
        out: folder to write; ``report`` beside the evaluation if None.
        options: slides, predictions, and the size of images.
        overwrite: replace an existing report.
        progress: report the progress; see ``hrpn_tf.progress``.

    Raises:
        UsageError, RunError: see ``find_sources``.
        OutputExistsError: the report exists, and ``overwrite`` is false.
        UsageError: no pixel was evaluated, or the folder to be replaced is not a report.
    """
    options = options or ReportOptions()
    run = options.run
    if isinstance(path, Run):
        path, run = path.folder, path
    sources = find_sources(
        path, run=run, slide_list=options.slide_list, predictions=options.predictions
    )
    out = out or default_out(path)
    edges, facts = _edges(sources.metrics, sources.evaluation), run_facts(sources)
    if overwrite:
        _refuse_other(out)
    with atomic_path(out, overwrite) as folder:
        folder.mkdir()
        counts = no_counts(edges)
        contents, problems = _slides(sources, folder, options.megapixels * 1e6, counts, progress)
        copy_assets(folder / "assets")
        pages = {name: page_name(number, name) for number, name in enumerate(contents)}
        write_slide_pages(sources, contents, pages, folder)
        write_index(sources, facts, contents, problems, pages, counts, folder)
    shown = (find_prediction(sources.predictions, name) for name in contents)
    warn_of_unknown_input([path for path in shown if path is not None])
    return Reported(
        out / "index.html",
        len(contents),
        problems,
        sum(c.view.tile_bytes for c in contents.values()),
    )


def _refuse_other(out: Path) -> None:
    """Refuse to replace a folder that is not a report, such as the run itself.

    Raises:
        UsageError: the folder is not a report.
    """
    is_report = (out / "index.html").is_file() and (out / "assets" / SCRIPTS[0]).is_file()
    if out.exists() and not is_report and not (out.is_dir() and not any(out.iterdir())):
        raise UsageError(f"{out}: is no report and is not replaced; choose another --out")


def _slides(
    sources: Sources, folder: Path, most_pixels: float, counts: ReportCounts, progress: bool
) -> tuple[dict[str, SlideContent], dict[str, str]]:
    """Tiles of all slides that can be shown, and the reasons for the others."""
    contents: dict[str, SlideContent] = {}
    problems: dict[str, str] = {}
    total = sum(sources.metrics.model(name)["pixels"] for name in sources.metrics.slides)
    bar = Progress("report", total, "px", shown=progress)
    with bar:
        for name in sources.metrics.slides:
            tiles = folder / "slides" / f"{file_name(len(contents), name)}-tiles"
            try:
                contents[name] = slide_content(
                    sources,
                    name,
                    tiles,
                    most_pixels=most_pixels,
                    counts=counts,
                    progress=bar.update,
                )
            except HrpnError as error:
                remove(tiles)
                problems[name] = str(error)
                logger.warning(f"no page of a slide: {error}")
    return contents, problems


def _edges(metrics: ReportMetrics, evaluation: Path) -> np.ndarray:
    """Edges of the bins of all counts.

    Raises:
        UsageError: no pixel was evaluated.
    """
    row = metrics.model(POOLED)
    if not row["pixels"]:
        raise UsageError(
            f"{evaluation}: no pixel was evaluated, since all gave the anchor; predict with a "
            "smaller --anchor-region, or evaluate more slides"
        )
    low = min(row["true"]["min"], row["predicted"]["min"])
    high = max(row["true"]["max"], row["predicted"]["max"])
    return shared_edges(low, high, metrics.target_type.startswith("uint"))
