"""Export the best network of a run, or the mean of several, to a bundle with a certificate."""

import logging
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hrpn_tf.console import load_tensorflow
from hrpn_tf.errors import UncertifiedError, UsageError
from hrpn_tf.files import atomic_path, refuse_existing, refuse_lost_inputs
from hrpn_tf.runs import Run, open_run
from hrpn_tf.workflows.export.about import about_network, runs_of
from hrpn_tf.workflows.export.evidence import held_out, held_out_slide, sample_patches
from hrpn_tf.workflows.export.options import ExportOptions
from hrpn_tf.workflows.export.publication import read_publication
from hrpn_tf.workflows.export.web import web_options
from hrpn_tf.workflows.networks.ensemble import EnsembleNetwork
from hrpn_tf.workflows.networks.run import RunNetwork

if TYPE_CHECKING:
    import numpy as np
    from hrpn_export import Contract
    from hrpn_export.evidence import Evidence
    from hrpn_export.export import Exported

    from hrpn_tf.data.store import PatchStore

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
    from hrpn_export.stored_input import check_input_types

    from hrpn_tf.workflows.export.plan import plan_artefacts

    options = options or ExportOptions()
    given = [run] if isinstance(run, Run | Path) else list(run)
    runs = tuple(open_run(each) for each in given)
    artefacts, left_out = plan_artefacts(options.formats, options.precisions)
    for line in left_out:
        logger.warning(line)
    network = _network(runs, options)
    contract = network.contract()
    network.origin()  # refuses a run without a network
    if any(format == "tensorrt" for format, _ in artefacts):
        _check_engine(options.format_options.get("tensorrt", {}), contract)
    check_input_types(options.input_types, contract)
    if options.about is not None:
        read_publication(options.about)  # minutes before it is used
    archive, repository = (out.with_name(out.name + end) for end in (".zip", "-triton"))
    beside = {archive: options.zip, repository: options.triton}
    if options.triton and not any(format == "onnx" for format, _ in artefacts):
        raise UsageError("--triton: Triton runs ONNX; add --onnx")
    for path in (out, *(path for path, wanted in beside.items() if wanted)):
        refuse_existing(path, overwrite)
        refuse_lost_inputs(path, (*(each.folder for each in runs), options.store))
    load_tensorflow()
    from hrpn_export import export_bundle
    from hrpn_export.archive import checked_names, write_stored

    from hrpn_tf.data.store import open_store

    store = open_store(runs[0].check_dataset(options.store or runs[0].patch_dataset))
    if len(runs) > 1:
        _warn_of_other_stores(runs)
    model = network.load_network()
    with (
        tempfile.TemporaryDirectory(prefix="hrpn-export-") as scratch,
        # all are finished before any gets its name, so that a kill leaves none of them alone
        atomic_path(archive, overwrite) if options.zip else nullcontext() as unfinished,
        atomic_path(repository, overwrite) if options.triton else nullcontext() as models,
        atomic_path(out, overwrite) as folder,
    ):
        exported = export_bundle(
            model,
            contract,
            folder,
            artefacts=artefacts,
            calibration=sample_patches(store, _groups(network, store, "train"))[0],
            selection=_selection(network, store),
            evidence=_evidence(network, store, Path(scratch), options),
            about=about_network(network, model.name, store, Path(scratch), options),
            options={
                "web": web_options(runs[0].config, model.name),
                **options.format_options,
            },
            uncertified=options.uncertified,
            input_types=options.input_types,
            log=logger.info,
        )
        if unfinished is not None:
            write_stored(unfinished, folder, checked_names(folder))
        if models is not None:
            _write_repository(folder, models)
    exported = _at(out, exported)
    _refuse_missed(exported)
    return exported


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


def _groups(network: RunNetwork | EnsembleNetwork, store: "PatchStore", subset: str) -> list[str]:
    """The groups in the patch dataset that the training used as this subset."""
    used = network.subsets().items()
    single = isinstance(network, RunNetwork)  # whose missing patches are an error
    return [g for g, its in used if its == subset and (single or g in store.groups)]


def _selection(
    network: RunNetwork | EnsembleNetwork, store: "PatchStore"
) -> "tuple[np.ndarray, np.ndarray]":
    """Patches and targets that choose the layers which stay float32 in int8.

    They are of the validation groups if the formats are measured on others, or else of the training
    groups: what chose the layers never gives the figures of the certificate.
    """
    measured = held_out(network, store).groups
    validation = [g for g in _groups(network, store, "validation") if g not in measured]
    return sample_patches(store, validation or _groups(network, store, "train"))


def _check_engine(options: Mapping[str, Any], contract: "Contract") -> None:
    """Check the TensorRT options minutes before the engine is built."""
    from hrpn_export.tensorrt import Wanted
    from hrpn_export.tensorrt.choose import read_capability
    from hrpn_export.tensorrt.profiles import make_profiles

    wanted = Wanted.of(options)
    make_profiles(contract.stride_multiple, len(contract.inputs), wanted.tiles, wanted.batches)
    for capability in wanted.capability or ():
        read_capability(capability)


def _evidence(
    network: RunNetwork | EnsembleNetwork,
    store: "PatchStore",
    scratch: Path,
    options: ExportOptions,
) -> "Evidence":
    """Held-out patches and a slide; see ``held_out``."""
    from hrpn_export import Evidence

    held = held_out(network, store)
    if held.caution:
        logger.warning(f"{', '.join(held.groups)}: {held.caution}")
    run = runs_of(network)[0]
    patches, targets = sample_patches(store, held.groups)
    slides = [slide for slide in run.slides(options.slides) if slide.group in held.groups]
    folder = scratch / "predictions"
    folder.mkdir()
    slide = held_out_slide(run, slides, folder, options.region)
    side = patches.shape[1]
    origin = (
        f"{len(patches)} patches of {side} x {side} px of the {held.subset} groups "
        f"({', '.join(held.groups)}), and the slide {slide.name} "
        f"({slide.width} x {slide.height} px){f'; {held.caution}' if held.caution else ''}"
    )
    return Evidence(patches, targets, [slide], origin)


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
