"""Prediction intervals and bundles."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hrpn_tf.api.arguments import (
    PathArgument,
    ProgressArgument,
    RunArgument,
    optional_path,
    path_of,
    run_of,
    work,
)
from hrpn_tf.api.result import Result
from hrpn_tf.api.show import Cell, Table, file_html, table_html

if TYPE_CHECKING:
    from hrpn_export.certificate import CertificateEntry

    from hrpn_tf.runs import Run


@dataclass(frozen=True, repr=False)
class CalibrationResult(Result):
    """Prediction intervals of a network.

    Attributes:
        run: the run, whose calibrated network predicts with ``intervals=True``.
        folder: ``RUN/calibrated``.
        coverage: nominal, 0 to 1.
        promise: what the calibration guarantees, in a sentence.
        measured: coverage on slides that neither trained nor calibrated, mean over slides; None if
            there are no such slides.
        table: per slide and band of pixels: ``kind``, ``name``, ``slides``, ``pixels``,
            ``coverage``, ``pooled``, ``under``, ``over``, ``width`` (grey levels).
        seconds: wall time of the call.
    """

    run: "Run"
    folder: Path
    coverage: float
    promise: str
    measured: float | None
    table: Table
    seconds: float

    @property
    def _location(self) -> Path:
        return self.run.folder

    def _facts(self) -> Mapping[str, object]:
        return {
            "coverage": self.coverage,
            "measured": self.measured,
            "seconds": self.seconds,
        }

    def _details(self) -> str:
        promise = f"<p>{escape(self.promise)}</p>"
        return promise + table_html(self.table) + file_html(self.folder / "curve.png")


@dataclass(frozen=True, repr=False)
class ExportResult(Result):
    """A bundle.

    Attributes:
        folder: of the bundle.
        table: per format: ``format``, ``precision``, ``certified`` ("yes" or the reason why not),
            ``largest`` (largest difference from the Keras model, grey levels), ``mse_change``
            (relative change of the mean squared error), ``robust_gain`` (brightness, relative to
            the patches, up to which it follows the Keras model), ``runtime``. A format has a row
            for each runtime.
        seconds: wall time of the call.
    """

    folder: Path
    table: Table
    seconds: float

    @property
    def _location(self) -> Path:
        return self.folder

    def _facts(self) -> Mapping[str, object]:
        return {"formats": len(self.table), "seconds": self.seconds}

    def _details(self) -> str:
        return table_html(self.table)


def calibrate(
    run: RunArgument,
    slides: PathArgument | None = None,
    *,
    coverage: float = 0.9,
    guarantee: bool = True,
    groups: Sequence[str] = (),
    test: PathArgument | None = None,
    patches: PathArgument | None = None,
    overwrite: bool = False,
    progress: ProgressArgument = None,
) -> CalibrationResult:
    """Give the network of a run prediction intervals, and measure what they cover.

    Quantile heads are fitted on the training patches, then corrected by split conformal prediction
    with groups (Dunn, Wasserman, Ramdas 2022, doi:10.1080/01621459.2022.2060112; Lee, Barber,
    Willett 2023, arXiv:2306.06342). The prediction itself does not change. Called again after an
    interruption, it goes on.

    Args:
        run: run, its folder, or the result of :func:`fit`.
        slides: slide list of calibration slides, with a measured target; None for the slides that
            chose the checkpoint.
        coverage: nominal share of pixels within the bounds, between 0 and 1.
        guarantee: keep the coverage in expectation with few groups; this needs
            ``coverage / (1 - coverage)`` groups, nine for 0.9.
        groups: of the slide list: only these.
        test: slide list to measure the coverage on; None for the test slides of the run.
        patches: patch dataset; None for where the run was fitted.
        overwrite: replace an earlier calibration.
        progress: True for progress bars, or a function that is called with updates.

    Raises:
        UsageError: a coverage out of range.
        CalibrationSlidesError: too few groups, or slides that trained or test the network.
        ConstantTargetError: the target of a slide does not vary.
        UnfinishedError: an unfinished calibration with other settings is there.

    Example:
        >>> import hrpn_tf as ht
        >>> calibrated = ht.calibrate("run", coverage=0.8, guarantee=False)
        >>> calibrated.coverage, calibrated.folder.name
        (0.8, 'calibrated')
    """
    from hrpn_tf.workflows.calibrate.calibrate import calibrate_run
    from hrpn_tf.workflows.calibrate.options import CalibrationOptions
    from hrpn_tf.workflows.calibrate.summary import promise

    opened = run_of(run)
    options = CalibrationOptions(
        tuple(groups), optional_path(test), coverage, guarantee, optional_path(patches)
    )
    with work(progress) as now:
        found = calibrate_run(opened, optional_path(slides), options=options, overwrite=overwrite)
    table: Table = tuple(asdict(row) for row in found.table)
    measured = next((row.coverage for row in found.table if row.kind == "all"), None)
    return CalibrationResult(
        run=opened,
        folder=found.folder,
        coverage=found.coverage,
        promise=promise(found.coverage, guarantee, found.correction),
        measured=measured,
        table=table,
        seconds=now.seconds,
    )


def export(
    run: RunArgument | Sequence[RunArgument],
    out: PathArgument,
    *,
    formats: Sequence[str] = (),
    precisions: Sequence[str] = (),
    format_options: Mapping[str, Mapping[str, Any]] | None = None,
    licence: str | None = None,
    authors: Sequence[str] = (),
    about: PathArgument | None = None,
    slides: PathArgument | None = None,
    intervals: bool | None = None,
    uncertified: bool = False,
    zip: bool = False,
    triton: bool = False,
    input_types: Sequence[str] = (),
    overwrite: bool = False,
    progress: ProgressArgument = None,
) -> ExportResult:
    """Export the network of a run to a bundle: a folder that runs elsewhere.

    Every format is measured against the Keras model on patches and a slide that the training did
    not use.

    Args:
        run: run, its folder, or the result of :func:`fit` or :func:`calibrate`; or several, whose
            mean is exported as one network.
        out: folder to create.
        formats: ``onnx``, ``tflite``, ``saved_model``, ``tensorrt``; empty for all that this
            machine can make. The Keras model is always there.
        precisions: ``fp32``, ``fp16``, ``int8``, ``dynamic``; empty for all of the formats.
        format_options: options of formats, by name, e.g. ``{"onnx": {"opset": 18}}``.
        licence: of the weights, an SPDX identifier.
        authors: names.
        about: YAML file with authors, tags, covers and more, for an upload to bioimage.io.
        slides: slide list, where the slides are not where the patch dataset found them.
        intervals: export the calibrated network; None for it where there is one.
        uncertified: keep formats that miss their limit.
        zip: write ``OUT.zip`` as well.
        triton: write ``OUT-triton``, a model repository of the Triton Inference Server, as well.
        input_types: ``uint8``, ``uint16``: also write formats that take pixels as stored.
        overwrite: replace a bundle that is there.
        progress: True for progress bars, or a function that is called with updates.

    Raises:
        UncertifiedError: a format misses its limit, or cannot be made; the others are in the
            bundle.
        UsageError: a format has none of the precisions.
        BundleError: of ``hrpn_export.errors``: the network cannot be exported at all.
        OutputExistsError: ``out`` exists, and ``overwrite`` is false.

    Example:
        >>> import hrpn_tf as ht
        >>> exported = ht.export("run", "bundle", formats=["onnx"], precisions=["fp32"])
        >>> sorted({(row["format"], row["certified"]) for row in exported.table})
        [('keras', 'yes'), ('onnx', 'yes')]
    """
    from hrpn_tf.workflows.export.export import export_run
    from hrpn_tf.workflows.export.options import ExportOptions

    options = ExportOptions(
        formats=tuple(formats),
        precisions=tuple(precisions),
        format_options=format_options or {},
        licence=licence,
        authors=tuple(authors),
        about=optional_path(about),
        slides=optional_path(slides),
        intervals=intervals,
        uncertified=uncertified,
        zip=zip,
        triton=triton,
        input_types=tuple(input_types),
    )
    several = isinstance(run, Sequence) and not isinstance(run, str)
    runs = [run_of(each) for each in run] if several else [run_of(run)]  # type: ignore[union-attr,arg-type]
    with work(progress) as now:
        found = export_run(runs, path_of(out), options=options, overwrite=overwrite)
    certificate = found.certificate
    table = tuple(_exported_row(each, certificate.grey_max) for each in certificate.entries)
    return ExportResult(found.path, table, now.seconds)


def _exported_row(entry: "CertificateEntry", grey_max: float) -> Mapping[str, Cell]:
    from hrpn_export.certificate import robust_gain

    measured = entry.measured
    return {
        "format": entry.format,
        "precision": entry.precision,
        "certified": entry.problem or "yes",
        "largest": max((each.largest for each in measured), default=None),
        "mse_change": max((each.mse_change for each in measured), default=None),
        "robust_gain": robust_gain(entry, grey_max),
        "runtime": f"{entry.runtime} {entry.version}",
    }
