"""Prediction intervals for the network of a run: heads, calibration on slides, coverage."""

import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hrpn_tf._version import __version__
from hrpn_tf.console import load_tensorflow
from hrpn_tf.data.manifest import identity_file
from hrpn_tf.errors import CalibrationSlidesError, HrpnError, UnfinishedError, UsageError
from hrpn_tf.evaluation.intervals import (
    Bands,
    CalibrationCurve,
    Correction,
    CoverageRow,
    calibration_curve,
    correct,
    draw_curve,
    needed_groups,
    rows,
    to_csv,
)
from hrpn_tf.evaluation.intervals.conformal import too_few
from hrpn_tf.files import atomic_path, locked, refuse_existing, refuse_lost_inputs, remove, sha256
from hrpn_tf.leftovers import clear
from hrpn_tf.runs import Run, open_run
from hrpn_tf.runs.calibrated import write_calibration
from hrpn_tf.untrusted import read_json
from hrpn_tf.workflows.calibrate.cache import covered, scored
from hrpn_tf.workflows.calibrate.options import CalibrationOptions
from hrpn_tf.workflows.calibrate.slides import (
    calibration_slides,
    check_apart,
    coverage_slides,
    groups_of,
)
from hrpn_tf.workflows.calibrate.summary import SCHEMA, to_markdown
from hrpn_tf.workflows.networks.run import RunNetwork

if TYPE_CHECKING:
    import keras
    from hrpn_export import Contract, Session

    from hrpn_tf.workflows.calibrate.scoring import IntervalSlide

logger = logging.getLogger(__name__)

_REQUEST = "request.json"  # settings of an unfinished calibration
# Shares of the training pixels, by their predicted intensity, below the edges between bands: dark,
# ordinary, bright, brightest.
BAND_SHARES = (0.25, 0.75, 0.95)


@dataclass(frozen=True)
class Calibrated:
    """Result of a calibration.

    Attributes:
        folder: ``RUN/calibrated``.
        coverage: nominal coverage.
        correction: factors of the spreads, and their guarantee.
        table: coverage on slides used neither for training nor for calibration; empty if there are
            none.
        curve: nominal against measured coverage; None without such slides.
    """

    folder: Path
    coverage: float
    correction: Correction
    table: tuple[CoverageRow, ...]
    curve: CalibrationCurve | None


@dataclass(frozen=True)
class _Plan:
    """The checked inputs of a calibration."""

    run: Run
    contract: "Contract"
    coverage: float
    guarantee: bool
    calibration: list["IntervalSlide"]
    test: list["IntervalSlide"]
    store: Path


def calibrate_run(
    run: Run | Path,
    slides: Path | None = None,
    *,
    options: CalibrationOptions | None = None,
    overwrite: bool = False,
    progress: bool = True,
) -> Calibrated:
    """Add prediction intervals to the network of a run, and measure their coverage.

    All inputs are checked before anything is computed. Called again after an interruption, it
    resumes at the first unfinished epoch of the heads or the first unfinished slide.

    Args:
        run: open run or run folder.
        slides: slide list of calibration slides; None for the slides that selected the checkpoint.
        options: coverage, groups, test slides.
        overwrite: replace an earlier calibration, and an unfinished one with other settings.
        progress: report the progress; see ``hrpn_tf.progress``.

    Raises:
        UsageError: coverage out of range, or as raised by ``choose_slides``.
        CalibrationSlidesError: too few groups (states the number), or training or test slides.
        SlideNotFoundError: a slide is missing.
        ConstantTargetError: a target is constant.
        NonFinitePredictionError: the network gives NaN.
        UnfinishedError: the unfinished calibration differs, and ``overwrite`` is false.
        HrpnError: a slide cannot be predicted, or the patch dataset is missing.
    """
    options = options or CalibrationOptions()
    if not 0 < options.coverage < 1:
        raise UsageError(f"--coverage {options.coverage:g}: must lie between 0 and 1, e.g. 0.9")
    run = open_run(run)
    _forget_finished(run)
    refuse_existing(run.calibrated, overwrite)
    plan = _plan(run, slides, options)
    read = [each.slide.path for each in (*plan.calibration, *plan.test)]
    refuse_lost_inputs(plan.run.calibrated, (slides, *read))
    work = run.calibrating
    with locked(run.folder):
        _begin(work, _request(plan), overwrite)
        found = _calibrate(plan, work, overwrite, progress)
        remove(work)
    return found


def _plan(run: Run, slides: Path | None, options: CalibrationOptions) -> _Plan:
    from hrpn_tf.workflows.calibrate.scoring import check_slides

    contract = RunNetwork(run).contract()
    if len(contract.outputs) != 1:
        raise UsageError(f"{run}: intervals are for networks of one output")
    calibration = calibration_slides(run, slides, options.groups)
    coverage, there = options.coverage, len(groups_of(calibration))
    needed = needed_groups(coverage) if options.guarantee else 1
    if there < needed:
        raise CalibrationSlidesError(f"{slides or run}: {too_few(there, needed, coverage)}")
    measured = coverage_slides(run, options.test)
    check_apart(calibration, measured)
    if any(slide.subset == "validation" for slide in calibration):
        logger.warning(
            "slides that picked the checkpoint calibrate, too: they are a little too easy for it"
        )
    planned = check_slides([*calibration, *measured], run)
    return _Plan(
        run,
        contract,
        coverage,
        options.guarantee,
        planned[: len(calibration)],
        planned[len(calibration) :],
        run.check_dataset(options.store or run.patch_dataset),
    )


def _request(plan: _Plan) -> dict[str, Any]:
    """Settings that determine the heads, as a JSON object."""
    return {
        "schema": SCHEMA,
        "network": RunNetwork(plan.run).origin(),
        "coverage": plan.coverage,
        "store": str(plan.store),
        "patches": sha256(identity_file(plan.store)),
    }


def _forget_finished(run: Run) -> None:
    """Remove the folder of a calibration that was killed right after its result was done."""
    clear(run.calibrated)
    if not run.calibrating.is_dir() or not run.is_calibrated:
        return
    with suppress(HrpnError, OSError), locked(run.folder):
        request = read_json(run.calibrating / _REQUEST, UnfinishedError)
        record = run.calibration.record
        if isinstance(request, dict) and request == {key: record.get(key) for key in request}:
            remove(run.calibrating)


def _begin(work: Path, request: dict[str, Any], restart: bool) -> None:
    """Resume in a folder, or create it.

    Raises:
        UnfinishedError: the folder belongs to a calibration with other settings.
    """
    path = work / _REQUEST
    if work.exists():
        try:
            before = read_json(path, UnfinishedError)
        except UnfinishedError:
            before = None
        before = before if isinstance(before, dict) else None
        if before == request:
            return
        if before is not None and not restart:
            key = next((key for key in request if before.get(key) != request[key]), "its keys")
            raise UnfinishedError(
                f"{work}: an unfinished calibration differs from this one in {key}; give "
                "--overwrite to start anew, or finish that one"
            )
        remove(work)
    work.mkdir()
    with atomic_path(path, overwrite=True) as temporary:
        temporary.write_text(json.dumps(request), encoding="utf-8")


def _calibrate(plan: _Plan, work: Path, overwrite: bool, progress: bool) -> Calibrated:
    load_tensorflow()
    from hrpn_tf.data.store import open_store
    from hrpn_tf.models.intervals import with_factors, with_spreads
    from hrpn_tf.training.interval_heads import fit_interval_heads, predicted_quantiles

    network = plan.run.load_network()
    heads = _heads(plan, open_store(plan.store))
    model = fit_interval_heads(network, heads, work, progress=progress)
    edges = predicted_quantiles(network, heads, BAND_SHARES)
    spreads = _session(plan, with_spreads(model, bounds=False))
    calibration = scored(plan.calibration, spreads, edges, work, progress)
    correction = correct(calibration, edges, plan.coverage, plan.guarantee)
    final = with_factors(model, correction.edges, correction.factors)
    if not plan.test:
        logger.warning("no slide is left to measure the coverage on; name some with --test")
    both = _session(plan, with_spreads(final, bounds=True))
    measured = covered(plan.test, both, edges, correction, work, progress)
    table, curve = [], None
    if measured:
        table = rows([coverage for _, coverage in measured], Bands(correction.edges))
        curve = calibration_curve(
            calibration, [scored for scored, _ in measured], edges, plan.guarantee
        )
    found = Calibrated(plan.run.calibrated, plan.coverage, correction, tuple(table), curve)
    with atomic_path(plan.run.calibrated, overwrite) as folder:
        folder.mkdir()
        _write(folder, plan, final, found)
    return found


def _heads(plan: _Plan, store: Any) -> Any:
    from hrpn_tf.training.interval_heads import HeadTraining

    return HeadTraining(store, plan.run.split, plan.run.config, plan.coverage)


def _session(plan: _Plan, model: "keras.Model") -> "Session":
    from hrpn_export.keras_session import KerasSession

    outputs = tuple(f"output {number}" for number in range(model.output_shape[-1]))
    return KerasSession(model, replace(plan.contract, outputs=outputs))


def _listed(slides: Sequence["IntervalSlide"]) -> list[list[str]]:
    return [[each.slide.name, each.slide.group, str(each.slide.path)] for each in slides]


def _write(folder: Path, plan: _Plan, model: "keras.Model", found: Calibrated) -> None:
    target = plan.contract.outputs[0]
    outputs = (target, f"{target}_lower", f"{target}_upper")
    contract = replace(plan.contract, outputs=outputs, coverage=plan.coverage)
    record = {
        **_request(plan),
        "guarantee": plan.guarantee,
        "calibration": _listed(plan.calibration),
        "test": _listed(plan.test),
        "method": "quantile heads, split conformal by group in bands of predicted intensity",
        "needed_groups": needed_groups(plan.coverage),
        "groups": len(groups_of([each.slide for each in plan.calibration])),
        "correction": asdict(found.correction),
        "coverage_table": [asdict(row) for row in found.table],
        "curve": None if found.curve is None else asdict(found.curve),
        "program": f"hrpn-tf {__version__}",
    }
    write_calibration(folder, model, contract, record)
    subsets = [each.slide for each in plan.calibration]
    (folder / "coverage.md").write_text(
        to_markdown(plan.coverage, plan.guarantee, found.correction, subsets, found.table),
        encoding="utf-8",
    )
    (folder / "coverage.csv").write_text(to_csv(found.table), encoding="utf-8")
    if found.curve is not None:
        (folder / "curve.csv").write_text(found.curve.to_csv(), encoding="utf-8")
        draw_curve(found.curve, plan.coverage, [folder / "curve.png", folder / "curve.svg"])
