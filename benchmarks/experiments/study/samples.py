"""A picture of what a network draws: inputs, measured target, prediction."""

from pathlib import Path

import numpy as np

from experiments.study.slides import prediction_of

SIDE = 384


def draw_samples(run: Path, predictions: Path, out: Path) -> None:
    """Draw the part of the first test slide with the most tracer, as one PNG.

    Args:
        run: whose test slides are looked at.
        predictions: folder of the predicted slides.
        out: the picture; replaced if it is there.
    """
    from hrpn_tf.runs import open_run
    from hrpn_tf.slides import open_slide
    from hrpn_tf.workflows.evaluate.measured_slides import measured_slide, predicted_plane

    opened = open_run(run)
    slide = next(each for each in opened.slides() if each.subset == "test")
    with (
        open_slide(prediction_of(predictions, slide.path)) as predicted,
        measured_slide(slide, opened.config, predicted.info) as (measured, _),
    ):
        target = measured.target.read(0, 0, measured.target.height, measured.target.width)
        y, x, side = brightest(target, SIDE)
        parts = {role: plane.read(y, x, side, side) for role, plane in measured.inputs.items()}
        prediction = predicted_plane(predicted, opened.config).read(y, x, side, side)
    parts[f"measured {opened.config.data.target}"] = target[y : y + side, x : x + side]
    parts["predicted"] = prediction
    _save(parts, out)


def brightest(image: np.ndarray, side: int) -> tuple[int, int, int]:
    """Corner and side of the square with the largest sum, on a grid of half squares.

    Example:
        >>> image = np.zeros((40, 60)); image[30, 50] = 1
        >>> brightest(image, 20)
        (20, 40, 20)
    """
    side = min(side, *image.shape)
    height, width = image.shape
    corners = [
        (y, x)
        for y in sorted({*range(0, height - side + 1, max(side // 2, 1)), height - side})
        for x in sorted({*range(0, width - side + 1, max(side // 2, 1)), width - side})
    ]
    sums = [float(image[y : y + side, x : x + side].sum(dtype=float)) for y, x in corners]
    best = max(range(len(sums)), key=lambda i: (sums[i], corners[i]))
    return (*corners[best], side)


def _save(parts: dict[str, np.ndarray], out: Path) -> None:
    """Panels side by side; measured and predicted tracer share one scale."""
    from matplotlib.figure import Figure

    *inputs, measured, _ = parts
    top = max(float(np.percentile(parts[measured], 99.8)), 1e-6)
    figure = Figure(figsize=(2.6 * len(parts), 2.9), layout="constrained")
    for axes, (name, image) in zip(figure.subplots(1, len(parts)), parts.items(), strict=True):
        own = float(np.percentile(image, 99.8)) if name in inputs else top
        colours = "gray" if name in inputs else "magma"
        shown = axes.imshow(image, cmap=colours, vmin=0, vmax=max(own, 1e-6))
        axes.set_title(name, fontsize=9)
        axes.set_axis_off()
    bar = figure.colorbar(shown, ax=figure.axes, fraction=0.02, pad=0.01)
    bar.set_label("grey levels", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=110)
