"""The networks of a run or a bundle that may predict: in one runtime, or in all that fit."""

import logging
from pathlib import Path

from hrpn_tf.errors import TwinError, UsageError, WrongKindError
from hrpn_tf.runs import Run
from hrpn_tf.text import in_shell, printable
from hrpn_tf.weights import weights_in
from hrpn_tf.workflows.networks.auto import AUTO, Candidates
from hrpn_tf.workflows.networks.bundle import BundleNetwork
from hrpn_tf.workflows.networks.run import RunNetwork
from hrpn_tf.workflows.networks.twin import FORMAT, PRECISION, TwinNetwork, open_twin

logger = logging.getLogger(__name__)

_USUAL = "onnx"
# Those that need TensorFlow come last.
_ORDER = ("onnx", "tflite", "saved_model", "keras")


def run_candidates(run: Run, intervals: bool = False, runtime: str | None = AUTO) -> Candidates:
    """The best network of a run, in one or several runtimes.

    Args:
        run: the open run.
        intervals: whether bounds are wanted, which Keras predicts.
        runtime: name of a runtime; ``auto`` or None for all, which is Keras for a run without a
            twin.

    Raises:
        TwinError: another runtime than Keras is asked for, and there is no twin for it.
        FormatError, CertificateError: the runtime does not run a twin, or did not agree with Keras.
        UsageError: intervals in another runtime.
        WrongKindError: the folder is that of weights, which say what they are for.

    Example:
        >>> run_candidates(open_run("demo/run")).usual.ran_by()  # doctest: +SKIP
        'onnxruntime'
    """
    if (weights := weights_in(run.folder)) is not None:
        raise WrongKindError(
            f"{run}: weights, not a run; predict with --weights {printable(weights.name, 80)}, "
            "which says what they are for"
        )
    keras = RunNetwork(run, intervals)
    if runtime == keras.ran_by():
        return Candidates((keras,))
    if runtime not in (None, AUTO):
        if intervals:
            raise UsageError(
                f"--runtime {runtime}: intervals of a run are predicted in Keras; export it to use "
                "another runtime"
            )
        return Candidates((_in_twin(run, runtime),))
    if intervals or not run.best.is_file():
        return Candidates((keras,))
    try:
        twins = _twins(run)
    except TwinError as error:
        # older runs have none, and weights never do
        say = logger.warning if run.twin.exists() else logger.debug
        say(f"{error}; Keras runs the network")
        return Candidates((keras,))
    return Candidates((*twins, keras))


def bundle_candidates(
    folder: Path,
    format: str | None = None,
    precision: str | None = None,
    runtime: str | None = AUTO,
    device: str | None = None,
    uncertified: bool = False,
    intervals: bool = False,
) -> Candidates:
    """The network of a bundle, in one or several formats and runtimes.

    Without a format, all certified ones in fp32 are candidates, or those in ``precision``. On
    another device than the CPU, and for formats that failed certification, the usual runtime runs.

    Args:
        folder: the bundle, a folder or a .zip.
        format, precision: of the artefact; None for any format, and for fp32.
        runtime: name of a runtime; ``auto`` or None for all.
        device, uncertified, intervals: see ``BundleNetwork``; None for the CPU.

    Raises:
        DamagedBundleError: the bundle is damaged.
        FormatError: there is no such format or runtime.
    """
    stated = BundleNetwork(
        folder,
        format or _USUAL,
        precision or "fp32",
        None if runtime == AUTO else runtime,
        device or "cpu",
        uncertified,
        intervals,
    )
    if stated.runtime is not None:
        own = stated if format is not None else stated.with_format_of(stated.runtime)
        return Candidates((own,))
    if uncertified or stated.device != "cpu":
        return Candidates((stated,))
    found = sorted(
        (each for each in stated.certified() if format in (None, each.format)),
        key=lambda each: _ORDER.index(each.format) if each.format in _ORDER else len(_ORDER),
    )
    return Candidates(tuple(found) or (stated,))  # whose errors say what is missing


def _in_twin(run: Run, runtime: str | None) -> TwinNetwork:
    from hrpn_export.bundle import runtime_of
    from hrpn_export.errors import CertificateError

    name = runtime_of(FORMAT, runtime, PRECISION)
    run.network_file()
    problem = open_twin(run).certificate.problem(FORMAT, PRECISION, name)
    if problem:
        what = problem.partition("; ")[0]
        raise CertificateError(f"{run.twin}: {what}; hrpn-tf twin {in_shell(run)}")
    return TwinNetwork(run, runtime=name)


def _twins(run: Run) -> list[TwinNetwork]:
    """The twin in every runtime that is installed and agreed with Keras.

    Raises:
        TwinError: see ``open_twin``.
    """
    from hrpn_export.formats import find_format
    from hrpn_export.runtimes import find_runtime

    certificate = open_twin(run).certificate
    return [
        TwinNetwork(run, runtime=name)
        for name in find_format(FORMAT).runtimes
        if find_runtime(name).installed and certificate.problem(FORMAT, PRECISION, name) is None
    ]
