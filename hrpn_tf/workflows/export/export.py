"""Export the best network of a run, or the mean of several, to a bundle with a certificate."""

import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hrpn_tf.console import load_tensorflow
from hrpn_tf.errors import UncertifiedError, UsageError
from hrpn_tf.files import atomic_path, refuse_existing, refuse_lost_inputs
from hrpn_tf.runs import Run, open_run
from hrpn_tf.workflows.export.about import about_network
from hrpn_tf.workflows.export.images import ExportImages
from hrpn_tf.workflows.export.options import ExportOptions
from hrpn_tf.workflows.export.publication import read_publication
from hrpn_tf.workflows.export.web import web_options
from hrpn_tf.workflows.networks.ensemble import EnsembleNetwork
from hrpn_tf.workflows.networks.run import RunNetwork

if TYPE_CHECKING:
    from hrpn_export import Contract
    from hrpn_export.export import Exported

logger = logging.getLogger(__name__)


def export_run(
    run: Run | Path | Sequence[Run | Path],
    out: Path,
    *,
    options: ExportOptions | None = None,
    overwrite: bool = False,
) -> "Exported":
    """Export the best network of a run, or the mean of the best networks of several runs.

    Args:
        run: open run or run folder; or several, whose networks are exported as their mean: one
            network in every format.
        out: folder of the bundle; with ``zip`` also ``OUT.zip``, with ``triton`` ``OUT-triton``.
        options: formats, precisions and certification.
        overwrite: replace an existing bundle.

    Returns:
        The exported bundle, with every format that passed certification.

    Raises:
        UsageError: a format supports none of the requested precisions; or the networks of several
            runs do not take or predict the same, or intervals are requested of their mean.
        RunError, StoreError: the run has no network yet, or its patch dataset is missing.
        UncertifiedError: a format failed certification, or its converter failed; the others are
            in the bundle.
        MissingRuntimeError: a format cannot be built on this machine; its prerequisites are in the
            bundle.
        BundleError: as raised by the export library.
    """
    from hrpn_tf.workflows.export.plan import plan_artefacts

    options = options or ExportOptions()
    given = [run] if isinstance(run, Run | Path) else list(run)
    runs = tuple(open_run(each) for each in given)
    artefacts, left_out = plan_artefacts(options.formats, options.precisions)
    for line in left_out:
        logger.warning(line)
    network = _network(runs, options)
    contract = _checked_contract(network, artefacts, options)
    places = _Places.of(out, options)
    places.refuse_taken(runs, options, overwrite)
    load_tensorflow()
    from hrpn_export import export_bundle

    from hrpn_tf.data.store import open_store

    store = open_store(runs[0].check_dataset(options.store or runs[0].patch_dataset))
    if len(runs) > 1:
        _warn_of_other_stores(runs)
    model, images = network.load_network(), ExportImages(network, store)
    with (
        tempfile.TemporaryDirectory(prefix="hrpn-export-") as scratch,
        places.unfinished(overwrite) as unfinished,
    ):
        exported = export_bundle(
            model,
            contract,
            unfinished.bundle,
            artefacts=artefacts,
            calibration=images.calibration(),
            selection=images.selection(),
            evidence=images.evidence(Path(scratch), options),
            about=about_network(network, model.name, store, Path(scratch), options),
            options={
                "web": web_options(runs[0].config, model.name),
                **options.format_options,
            },
            uncertified=options.uncertified,
            input_types=options.input_types,
            log=logger.info,
        )
        unfinished.write_others()
    exported = _at(out, exported)
    _refuse_missed(exported)
    return exported


@dataclass(frozen=True)
class _Places:
    """Where an export writes.

    Attributes:
        bundle: its folder.
        archive, repository: the bundle as a .zip, and a model repository of Triton; None for none.
    """

    bundle: Path
    archive: Path | None
    repository: Path | None

    @classmethod
    def of(cls, out: Path, options: ExportOptions) -> "_Places":
        """The places beside a bundle that the options ask for."""
        archive, repository = (out.with_name(out.name + end) for end in (".zip", "-triton"))
        return cls(out, archive if options.zip else None, repository if options.triton else None)

    def refuse_taken(self, runs: Sequence[Run], options: ExportOptions, overwrite: bool) -> None:
        """Refuse places where something is, or that hold what the export reads."""
        for place in (self.bundle, self.archive, self.repository):
            if place is not None:
                refuse_existing(place, overwrite)
                refuse_lost_inputs(place, (*(run.folder for run in runs), options.store))

    @contextmanager
    def unfinished(self, overwrite: bool) -> Iterator["_Places"]:
        """The same under temporary names.

        All are finished before any gets its name, so that a kill leaves none of them alone.
        """
        with (
            _unfinished(self.archive, overwrite) as archive,
            _unfinished(self.repository, overwrite) as repository,
            atomic_path(self.bundle, overwrite) as bundle,
        ):
            yield _Places(bundle, archive, repository)

    def write_others(self) -> None:
        """Write what is made of the finished bundle."""
        from hrpn_export.archive import checked_names, write_stored

        if self.archive is not None:
            write_stored(self.archive, self.bundle, checked_names(self.bundle))
        if self.repository is not None:
            _write_repository(self.bundle, self.repository)


def _unfinished(place: Path | None, overwrite: bool) -> AbstractContextManager[Path | None]:
    return nullcontext() if place is None else atomic_path(place, overwrite)


def _checked_contract(
    network: RunNetwork | EnsembleNetwork,
    artefacts: Sequence[tuple[str, str]],
    options: ExportOptions,
) -> "Contract":
    """The contract of the network, if what is asked for can be made of it.

    The check takes no time; without it, the export would fail after minutes.
    """
    from hrpn_export.stored_input import check_input_types

    formats = {format for format, _ in artefacts}
    contract = network.contract()
    network.origin()  # refuses a run without a network
    if "tensorrt" in formats:
        _check_engine(options.format_options.get("tensorrt", {}), contract)
    check_input_types(options.input_types, contract)
    if options.about is not None:
        read_publication(options.about)
    if options.triton and "onnx" not in formats:
        raise UsageError("--triton: Triton runs ONNX; add --onnx")
    return contract


def _write_repository(bundle: Path, out: Path) -> None:
    from hrpn_export import open_bundle
    from hrpn_export.triton import write_repository

    names = write_repository(open_bundle(bundle), out)
    logger.info(f"Triton: {', '.join(names)}")


def _network(runs: Sequence[Run], options: ExportOptions) -> RunNetwork | EnsembleNetwork:
    """The network that is exported: by default the calibrated one, if a single run has one."""
    calibrated = [run for run in runs if run.is_calibrated]
    if len(runs) == 1:
        run = runs[0]
        intervals = run.is_calibrated if options.intervals is None else options.intervals
        if intervals and options.intervals is None:
            logger.warning(
                f"{run.calibrated}: exported with prediction intervals; without: --no-intervals"
            )
        return RunNetwork(run, intervals)
    if options.intervals:
        raise UsageError(
            f"--intervals: the mean of {len(runs)} networks has no prediction intervals; leave it "
            "out, or train one network to predict like the mean (hrpn-tf fit --teacher) and "
            "calibrate that"
        )
    if calibrated and options.intervals is None:
        logger.warning(
            f"{calibrated[0]}: has prediction intervals, which are those of its own network; the "
            f"mean of {len(runs)} networks is exported without"
        )
    return EnsembleNetwork(tuple(runs))


def _warn_of_other_stores(runs: Sequence[Run]) -> None:
    """Warn if runs were fitted on several patch datasets: only names tell their groups apart."""
    first = runs[0].patch_dataset.resolve()
    for run in runs[1:]:
        if (other := run.patch_dataset.resolve()) != first:
            logger.warning(
                f"{run}: was fitted on {other}, not on {first}; groups of the same name are taken "
                "for the same, and the formats are measured on patches of the first"
            )
            return


def _check_engine(options: Mapping[str, Any], contract: "Contract") -> None:
    """Check the options of TensorRT."""
    from hrpn_export.tensorrt import Wanted
    from hrpn_export.tensorrt.choose import read_capability
    from hrpn_export.tensorrt.profiles import make_profiles

    wanted = Wanted.of(options)
    make_profiles(contract.stride_multiple, len(contract.inputs), wanted.tiles, wanted.batches)
    for capability in wanted.capability or ():
        read_capability(capability)


def _at(out: Path, exported: "Exported") -> "Exported":
    """The same result with the final path, also in its messages."""
    there, here = str(exported.path), str(out)
    impossible, refused = (
        {what: text.replace(there, here) for what, text in texts.items()}
        for texts in (exported.impossible, exported.refused)
    )
    return replace(exported, path=out, impossible=impossible, refused=refused)


def _refuse_missed(exported: "Exported") -> None:
    from hrpn_export.errors import MissingRuntimeError

    out, lacking = exported.path, ""
    if exported.impossible:
        reasons = "; ".join(dict.fromkeys(exported.impossible.values()))
        lacking = f"is there without {', '.join(exported.impossible)}: {reasons}"
    if not exported.refused:
        if lacking:
            raise MissingRuntimeError(f"{out}: {lacking}")
        return
    reasons = "; ".join(f"{what} {problem}" for what, problem in exported.refused.items())
    missed = exported.refused.keys() - set(exported.failed)
    advice = "; keep those that missed a limit with --uncertified" if missed else ""
    also = f"; it also {lacking}" if lacking else ""
    raise UncertifiedError(f"{out}: left out of the bundle, not certified: {reasons}{advice}{also}")
