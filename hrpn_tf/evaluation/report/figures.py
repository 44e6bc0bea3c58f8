"""The report's own figures: density, reliability, grey levels, slides, training."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hrpn_tf.evaluation.density import Density
from hrpn_tf.evaluation.metrics import METRICS
from hrpn_tf.evaluation.report.charts import Chart, drawing, save
from hrpn_tf.evaluation.report.colours import SERIES
from hrpn_tf.evaluation.report.metrics_tables import ReportMetrics
from hrpn_tf.evaluation.slide_picture import DENSITY_MAP

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_GREY = "#7d828b"
_FEWEST = 50  # pixels that a mean must rest on to be drawn


def draw_density(density: Density, target: str, folder: Path) -> Chart:
    """Counts of all pixels by measured and predicted value."""
    used = np.flatnonzero(density.counts.sum(0) + density.counts.sum(1))
    edges, end = density.edges, density.edges[used[-1] + 1]
    with drawing(5.2, 4.5) as (figure, axes):
        axes.grid(False)
        _heat(figure, axes, density)
        axes.plot([edges[0], end], [edges[0], end], color=_GREY, linestyle="--", label="identity")
        axes.set(xlim=(edges[0], end), ylim=(edges[0], end), box_aspect=1)
        axes.set_xlabel(f"measured {target}, grey levels", parse_math=False)
        axes.set_ylabel(f"predicted {target}, grey levels", parse_math=False)
        axes.legend(loc="upper left")
        present = np.argwhere(density.counts)
        rows = [
            (density.centres[i], density.centres[j], int(density.counts[i, j])) for i, j in present
        ]
        return save(
            figure,
            folder,
            "density",
            title="Predicted against measured",
            caption="Pixels of all slides by measured and predicted value; the colour is "
            "logarithmic. On the dashed line both are equal.",
            header=("measured", "predicted", "pixels"),
            rows=rows,
        )


def _heat(figure: "Figure", axes: "Axes", density: Density) -> None:
    from matplotlib.colors import LogNorm

    counts = np.ma.masked_equal(density.counts.T, 0)
    mesh = axes.pcolormesh(
        density.edges, density.edges, counts, norm=LogNorm(vmin=1), cmap=DENSITY_MAP,
        rasterized=True,
    )  # fmt: skip
    bar = figure.colorbar(mesh, ax=axes, label="pixels", shrink=0.85)
    bar.outline.set_visible(False)


def draw_reliability(density: Density, target: str, folder: Path) -> Chart:
    """Mean measured value by predicted value, with its spread."""
    mean, spread, pixels = density.reliability()
    shown = pixels >= _FEWEST
    x = density.centres[shown]
    with drawing(5.2, 4.5) as (figure, axes):
        low, high = mean[shown] - spread[shown], mean[shown] + spread[shown]
        axes.fill_between(
            x, low, high, color=SERIES[0], alpha=0.25, linewidth=0, label="± 1 standard deviation"
        )
        axes.plot(x, mean[shown], color=SERIES[0], label="mean measured")
        axes.plot(x, x, color=_GREY, linestyle="--", label="identity")
        axes.set_xlabel(f"predicted {target}, grey levels", parse_math=False)
        axes.set_ylabel(f"measured {target}, grey levels", parse_math=False)
        axes.legend(loc="upper left")
        values = zip(density.centres, mean, spread, pixels, strict=True)
        return save(
            figure,
            folder,
            "reliability",
            title="Reliability",
            caption="What is measured, on average, where a value is predicted. On the dashed line "
            f"predictions are right on average. Values that fewer than {_FEWEST} pixels have are "
            "not drawn.",
            header=("predicted", "mean_measured", "sd_measured", "pixels"),
            rows=[row for row in values if row[3]],
        )


def draw_levels(density: Density, target: str, folder: Path) -> Chart:
    """Share of pixels by grey level, measured and predicted."""
    true, predicted = density.counts.sum(1), density.counts.sum(0)
    total = max(int(true.sum()), 1)
    with drawing(5.2, 3.4) as (figure, axes):
        for counts, label, colour, style in (
            (true, "measured", SERIES[0], "-"),
            (predicted, "predicted", SERIES[1], "--"),
        ):
            share = np.ma.masked_equal(counts / total, 0)
            axes.step(
                density.centres, share, where="mid", label=label, color=colour, linestyle=style
            )
        axes.set_yscale("log")
        axes.set_xlabel(f"{target}, grey levels", parse_math=False)
        axes.set_ylabel("share of pixels")
        axes.legend(loc="upper right")
        return save(
            figure,
            folder,
            "grey_levels",
            title="Range of grey levels",
            caption="Share of all pixels by value: whether the network predicts the range that is "
            "measured.",
            header=("value", "measured_pixels", "predicted_pixels"),
            rows=zip(density.centres, true, predicted, strict=True),
        )


def draw_slides(metrics: ReportMetrics, folder: Path) -> list[Chart]:
    """R² of every slide, for the network and the baselines; MSE where no slide has an R².

    Empty if no slide has either.
    """
    for name in ("r2", "mse"):
        values = {
            slide: {row["predictor"]: row[name] for row in metrics.of(slide)}
            for slide in metrics.slides
        }
        if any(value is not None for row in values.values() for value in row.values()):
            return [_dots(values, name, METRICS[name].label, folder)]
    return []


def _dots(
    values: Mapping[str, Mapping[str, float | None]], name: str, label: str, folder: Path
) -> Chart:
    """Values by slide and predictor."""
    slides = list(values)
    predictors = list(dict.fromkeys(p for row in values.values() for p in row))
    with drawing(5.2, 1.2 + 0.24 * max(len(slides), 4)) as (figure, axes):
        for number, predictor in enumerate(predictors):
            x = [values[slide].get(predictor) for slide in slides]
            axes.plot(
                [np.nan if v is None else v for v in x],
                np.arange(len(slides)),
                "os^Dv"[number % 5],
                color=SERIES[number % len(SERIES)],
                label=predictor,
                markersize=6,
            )
        axes.set_yticks(np.arange(len(slides)), [_short(n) for n in slides], parse_math=False)
        axes.set_ylim(len(slides) - 0.5, -0.5)
        axes.set_xlabel(label)
        axes.legend(loc="lower center", bbox_to_anchor=(0.45, 1.0), ncols=2, fontsize=9)
        return save(
            figure,
            folder,
            f"slides_{name}",
            title="Slide by slide",
            caption=f"{label} of every slide; beside the network what the baselines reach.",
            header=("slide", *predictors),
            rows=[(slide, *(values[slide].get(p) for p in predictors)) for slide in slides],
        )


def draw_training(history: Sequence[Mapping[str, Any]], folder: Path) -> Chart | None:
    """Loss by epoch; None if the history holds none."""
    series = {
        label: [(float(row["epoch"]), float(row[key])) for row in history if row.get(key)]
        for key, label in (("loss", "training"), ("val_loss", "validation"))
    }
    if not series["training"]:
        return None
    with drawing(5.2, 3.4) as (figure, axes):
        for number, (label, points) in enumerate(series.items()):
            if points:
                x, y = zip(*points, strict=True)
                axes.plot(x, y, "-" if number == 0 else "--", label=label, color=SERIES[number])
        axes.set_yscale("log")
        axes.set_xlabel("epoch")
        axes.set_ylabel("loss")
        axes.legend()
        return save(
            figure,
            folder,
            "training",
            title="Training",
            caption="Loss by epoch, on the training patches and on the validation slides that "
            "picked the checkpoint.",
            header=("epoch", "loss", "val_loss"),
            rows=[(row["epoch"], row.get("loss"), row.get("val_loss")) for row in history],
        )


def _short(name: str) -> str:
    return name if len(name) <= 28 else f"{name[:25]}..."
