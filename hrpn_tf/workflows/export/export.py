"""Export the best network of a run to a bundle, with a certificate."""

import logging
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hrpn_tf._version import __version__
from hrpn_tf.console import load_tensorflow
from hrpn_tf.errors import UncertifiedError
from hrpn_tf.files import atomic_path, refuse_existing
from hrpn_tf.runs import Run, open_run
from hrpn_tf.workflows.export.evidence import held_out_slide, sample_patches
from hrpn_tf.workflows.export.options import ExportOptions
from hrpn_tf.workflows.networks.run import RunNetwork

if TYPE_CHECKING:
    from hrpn_export import About, Contract
    from hrpn_export.evidence import Evidence
    from hrpn_export.export import Exported

    from hrpn_tf.data.store import PatchStore

logger = logging.getLogger(__name__)


def export_run(
    run: Run | Path,
    out: Path,
    *,
    options: ExportOptions | None = None,
    overwrite: bool = False,
) -> "Exported":
    """Export the best network of a run.

    Args:
        run: open run or run folder.
        out: folder of the bundle; with ``zip`` also ``OUT.zip``.
        options: formats, precisions and certification.
        overwrite: replace an existing bundle.

    Returns:
        The exported bundle, with every format that passed certification.

    Raises:
        UsageError: a format supports none of the requested precisions.
        RunError, StoreError: the run has no network yet, or its patch dataset is missing.
        UncertifiedError: a format failed certification, or its converter failed; the others are
            in the bundle.
        MissingRuntimeError: a format cannot be built on this machine; its prerequisites are in the
            bundle.
        BundleError: as raised by the export library.
    """
    from hrpn_tf.workflows.export.plan import plan_artefacts

    run, options = open_run(run), options or ExportOptions()
    artefacts, left_out = plan_artefacts(options.formats, options.precisions)
    for line in left_out:
        logger.warning(line)
    network = _network(run, options)
    contract = network.contract()
    network.origin()  # refuses a run without a network
    if any(format == "tensorrt" for format, _ in artefacts):
        _check_engine(options.format_options.get("tensorrt", {}), contract)
    archive = out.with_name(out.name + ".zip")
    for path in (out, *([archive] if options.zip else [])):
        refuse_existing(path, overwrite)
    load_tensorflow()
    from hrpn_export import export_bundle
    from hrpn_export.archive import checked_names, write_stored

    from hrpn_tf.data.store import open_store

    store = open_store(run.check_dataset(options.store or run.patch_dataset))
    model = (run.calibration if network.intervals else run).load_network()
    if network.intervals and options.intervals is None:
        logger.warning(
            f"{run.calibrated}: exported with prediction intervals; without: --no-intervals"
        )
    with (
        tempfile.TemporaryDirectory(prefix="hrpn-export-") as scratch,
        # both are finished before either gets its name, so that a kill leaves none of them alone
        atomic_path(archive, overwrite) if options.zip else nullcontext() as unfinished,
        atomic_path(out, overwrite) as folder,
    ):
        exported = export_bundle(
            model,
            contract,
            folder,
            artefacts=artefacts,
            calibration=sample_patches(store, run.split.train)[0],
            evidence=_evidence(run, store, Path(scratch), options),
            about=_about(network, model.name, store, options),
            options=options.format_options,
            uncertified=options.uncertified,
            log=logger.info,
        )
        if unfinished is not None:
            write_stored(unfinished, folder, checked_names(folder))
    exported = _at(out, exported)
    _refuse_missed(exported)
    return exported


def _network(run: Run, options: ExportOptions) -> RunNetwork:
    """The network that is exported: by default the calibrated one, if there is one."""
    return RunNetwork(run, run.is_calibrated if options.intervals is None else options.intervals)


def _check_engine(options: Mapping[str, Any], contract: "Contract") -> None:
    """Check the TensorRT options minutes before the engine is built."""
    from hrpn_export.tensorrt import Wanted
    from hrpn_export.tensorrt.choose import read_capability
    from hrpn_export.tensorrt.profiles import make_profiles

    wanted = Wanted.of(options)
    make_profiles(contract.stride_multiple, len(contract.inputs), wanted.tiles, wanted.batches)
    for capability in wanted.capability or ():
        read_capability(capability)


def _calibrated(run: Run) -> dict[str, Any]:
    """Calibration record of a bundle; slides by name only."""
    record = run.calibration.record
    kept = ("coverage", "guarantee", "method", "groups", "correction", "coverage_table")
    return {key: record[key] for key in kept}


def _evidence(
    run: Run,
    store: "PatchStore",
    scratch: Path,
    options: ExportOptions,
) -> "Evidence":
    """Held-out patches and a slide, of the test groups or else of the validation groups."""
    from hrpn_export import Evidence

    subset = "test" if run.split.test else "validation"
    groups = getattr(run.split, subset)
    patches, targets = sample_patches(store, groups)
    slides = [slide for slide in run.slides(options.slides) if slide.subset == subset]
    slide = held_out_slide(run, slides, scratch, options.region)
    side = patches.shape[1]
    origin = (
        f"{len(patches)} patches of {side} x {side} px of the {subset} groups "
        f"({', '.join(groups)}), and the slide {slide.name} ({slide.width} x {slide.height} px)"
    )
    return Evidence(patches, targets, [slide], origin)


def _about(network: RunNetwork, name: str, store: "PatchStore", options: ExportOptions) -> "About":
    """What the bundle says of the network, and the files that it carries beside it."""
    from hrpn_export import About

    run, contract = network.run, network.contract()
    return About(
        name=name,
        licence=options.licence or About.licence,
        authors=options.authors,
        program=f"hrpn-tf {__version__}",
        provenance={
            "network": network.origin(),
            "groups": run.subsets,
            "store": {"fingerprint": store.manifest.fingerprint, "dtype": store.manifest.dtype},
            "configuration": run.config.model_dump(mode="json"),
            **({"calibration": _calibrated(run)} if network.intervals else {}),
        },
        description=_description(name, contract.inputs, contract.outputs),
        files=_attached(run),
    )


def _attached(run: Run) -> dict[str, Path]:
    """Further files of a bundle for ``hrpn-tf predict``."""
    path = run.training_profile
    if not path.is_file():
        logger.warning(
            f"{run} has no training profile for the bundle; hrpn-tf describe-training {run} makes "
            "one"
        )
        return {}
    return {path.name: path}


def _description(name: str, inputs: Sequence[str], outputs: Sequence[str]) -> str:
    return f"{name}: predicts {' and '.join(outputs)} from {' and '.join(inputs)}, pixel by pixel"


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
