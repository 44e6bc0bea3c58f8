"""Predict slides with the best network of a run."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hrpn_tf.config import load_run_config
from hrpn_tf.errors import OutputExistsError, RunError
from hrpn_tf.workflows.prediction_jobs import Job, Request, check, made_by, requests
from hrpn_tf.workflows.quiet import load_tensorflow
from hrpn_tf.workflows.remarks import remark

if TYPE_CHECKING:
    from hrpn_tf.prediction import PredictionSummary

Say = Callable[[str], object]


def predict_run(
    run: Path,
    *,
    slides: Sequence[Path] = (),
    groups: Sequence[str] = (),
    out: Path | None = None,
    channels: Mapping[str, str | int] | None = None,
    tile: int | None = None,
    dtype: str | None = None,
    pixel_size_um: float | None = None,
    overwrite: bool = False,
    skip_existing: bool = False,
    progress: bool = True,
    say: Say = print,
) -> list[Path]:
    """Predict slides by tiles; everything that can be refused is refused before the first.

    Args:
        run: folder of a training.
        slides: slides, and slide lists (CSV, YAML), of which the groups that the run neither
            trained nor picked its checkpoint with are predicted; empty for the run's test slides.
        groups: of a slide list: only these.
        out: folder of the results, or one file ``*.tif`` for one slide; ``RUN/predictions`` if
            None.
        channels: role of an input: name or index of its channel in the file, where that is not
            as in the run's configuration.
        tile: largest side of a tile, px; None for that of the configuration.
        dtype: of the written grey levels; None for that of the configuration.
        pixel_size_um: um per pixel, for slides that state none.
        overwrite: replace existing predictions.
        skip_existing: leave out slides that this very network has predicted already.
        progress: show a bar for each slide on standard error.
        say: is told one line for each slide that is done.

    Returns:
        The predicted slides, those that were left out among them.

    Raises:
        RunError: no run there, or no network in it yet.
        UsageError: there is nothing to predict, or two results would get one name.
        OutputExistsError: a prediction exists, and ``overwrite`` is false.
        PixelSizeError, UnknownChannelError, SlideNotFoundError: a slide does not fit the network.
    """
    from hrpn_export import Contract

    config = load_run_config(run)
    asked = requests(slides, run, config, out, groups, channels or {})
    contract = Contract.from_json(_read(run / "contract.json"))
    left = _missing(asked, run) if skip_existing and not overwrite else asked
    jobs = [check(request, contract, config, pixel_size_um, overwrite) for request in left]
    if jobs and (contract.receptive_field is None or not contract.tile_exact):
        # such a network answers best in tiles of the size that it was trained on
        tile = tile or config.training.crop or config.data.patch
        remark(
            f"the network of {run} depends on its tile: tiles of {tile} px overlap by half, and "
            "faint seams may remain"
        )
    if jobs:
        tile, dtype = tile or config.prediction.tile, dtype or config.prediction.dtype
        _predict(jobs, run, tile, dtype, overwrite, progress, say)
    return [request.out for request in asked]


def _missing(asked: Sequence[Request], run: Path) -> list[Request]:
    """Those that this very network has not predicted yet."""
    left = [r for r in asked if not made_by(r.out, run / "best.keras")]
    for request in left:
        if request.out.exists():
            raise OutputExistsError(
                f"{request.out}: not by the network of {run} as it is now; replace it with: "
                f"hrpn-tf predict --run {run} --overwrite"
            )
    return left


def _predict(
    jobs: Sequence[Job],
    run: Path,
    tile: int,
    dtype: str,
    overwrite: bool,
    progress: bool,
    say: Say,
) -> None:
    load_tensorflow()
    from hrpn_export.keras_session import KerasSession

    from hrpn_tf.prediction import predict_slide, prediction_provenance
    from hrpn_tf.slides import open_slide
    from hrpn_tf.training.run import load_run

    model, contract, config = load_run(run)
    session = KerasSession(model, contract)
    for job in jobs:
        with open_slide(job.slide) as slide:
            summary = predict_slide(
                session,
                slide,
                job.channels,
                job.out,
                tile=tile,
                dtype=dtype,
                provenance=prediction_provenance(
                    slide=job.slide,
                    model=run / "best.keras",
                    config=config,
                    channels=job.channel_names,
                ),
                overwrite=overwrite,
                progress=progress,
                pixel_size_um=job.pixel_size_um,
            )
        say(_describe(summary))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        raise RunError(f"{path}: missing; run hrpn-tf fit again") from None


def _describe(summary: "PredictionSummary") -> str:
    tiling = summary.tiling
    rate = summary.pixels / 1e6 / summary.seconds
    return (
        f"{summary.path}: {tiling.height} x {tiling.width} px in {summary.seconds:.1f} s, "
        f"{rate:.2f} Mpx/s ({summary.session_seconds / summary.seconds:.0%} in the network); "
        f"{len(tiling)} tiles of {tiling.shape[0]} x {tiling.shape[1]} px, halo {tiling.halo} px"
    )
