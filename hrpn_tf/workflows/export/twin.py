"""Make the twin of a run: its best network in formats that need no TensorFlow, certified."""

import logging
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hrpn_tf._version import __version__
from hrpn_tf.errors import HrpnError, TwinError, UncertifiedError
from hrpn_tf.files import atomic_path
from hrpn_tf.runs import Run, open_run
from hrpn_tf.text import in_shell
from hrpn_tf.workflows.export.evidence import held_out, sample_patches
from hrpn_tf.workflows.networks.run import RunNetwork
from hrpn_tf.workflows.networks.twin import (
    FEATURES,
    FORMAT,
    PRECISION,
    open_features,
    open_twin,
)

if TYPE_CHECKING:
    import keras
    from hrpn_export import Contract
    from hrpn_export.certificate import CertificateEntry

logger = logging.getLogger(__name__)

# So many pixels of held-out patches tell a wrong conversion from a right one, in seconds.
_PIXELS = 2**20
# Features are compared with distances between slides, beside which this is nothing.
_TOLERANCE = 1e-3


def write_twin(run: Run | Path, store_path: Path | None = None) -> "tuple[CertificateEntry, ...]":
    """Write the twin of a run's best network, and replace an older one.

    It is measured against the Keras model on held-out patches, in every runtime that is installed,
    and states the checksum of the network that it is of. Requires TensorFlow.

    Args:
        run: open run or run folder.
        store_path: patch dataset of the run; None for the recorded path.

    Returns:
        The entries of its certificate, one per runtime.

    Raises:
        RunError: no run, or no network in it.
        StoreError: the patch dataset is missing or damaged, or is not that of the run.
        MissingRuntimeError: the packages that make it are not installed; says how to.
        UncertifiedError: it does not agree with the Keras model, or cannot be made; an older twin
            is left as it was.
        DiskFullError: the disk is full.
    """
    from hrpn_export import About, Evidence, export_bundle

    from hrpn_tf.data.store import open_store

    run = open_run(run)
    network, contract = RunNetwork(run), run.contract
    origin = network.origin()
    store = open_store(run.check_dataset(store_path or run.patch_dataset))
    held = held_out(network, store)
    patches, targets = sample_patches(store, held.groups, _PIXELS)
    model = run.load_network()
    evidence = Evidence(
        patches, targets, origin=f"{len(patches)} patches of the {held.subset} groups"
    )
    with (
        tempfile.TemporaryDirectory(prefix="hrpn-twin-") as scratch,
        atomic_path(run.twin, overwrite=True) as folder,
    ):
        more = _write_features(model, contract, patches[:2], Path(scratch) / FEATURES)
        exported = export_bundle(
            model,
            contract,
            folder,
            artefacts=[(FORMAT, PRECISION)],
            evidence=evidence,
            about=About(
                model.name,
                program=f"hrpn-tf {__version__}",
                provenance={"network": origin},
                files=more,
            ),
            lean=True,
            log=logger.debug,
        )
        if exported.refused:
            reasons = "; ".join(f"{what} {why}" for what, why in exported.refused.items())
            raise UncertifiedError(f"{run}: no twin of its network: {reasons}")
    return exported.certificate.entries


def refuse_no_packages() -> None:
    """Refuse to make a twin without the packages for it, before TensorFlow is loaded.

    Raises:
        MissingRuntimeError: says how to install them.
    """
    from hrpn_export.formats import find_format

    find_format(FORMAT, PRECISION).exporter()


def twin_after_training(run: Run, store_path: Path) -> None:
    """Make the twin at the end of a training, whose result does not depend on it.

    One that is there and of this network is kept. Without the packages for it, or if it cannot be
    made, a line says so.
    """
    import keras
    from hrpn_export.errors import BundleError, MissingRuntimeError

    with suppress(TwinError):
        open_twin(run)
        return
    if keras.backend.backend() != "tensorflow":  # the converter traces with it
        logger.info(
            f"{run}: trained on {keras.backend.backend()}, so its twin is made by another command: "
            f"hrpn-tf twin {in_shell(run)}"
        )
        return
    try:
        write_twin(run, store_path)
    except MissingRuntimeError as error:
        logger.info(f"{run}: has no twin, so predict runs it in Keras; {error}")
    except (BundleError, HrpnError, OSError) as error:
        logger.warning(f"{error}; predict runs the network in Keras")


def _write_features(
    model: "keras.Model", contract: "Contract", patches: np.ndarray, path: Path
) -> dict[str, Path]:
    """Write what of the network leads to its features; files of the twin by name."""
    from hrpn_export.formats.onnx import to_onnx

    from hrpn_tf.models.features import feature_trunk, pooled_features

    found, expected = feature_trunk(model), pooled_features(model)
    if found is None or expected is None:
        return {}
    trunk, multiple = found
    try:
        graph: Any = to_onnx(trunk, len(contract.inputs), multiple=multiple)
        for number, name in enumerate(("coarse_height", "coarse_width"), 1):
            graph.graph.output[0].type.tensor_type.shape.dim[number].dim_param = name
        path.write_bytes(graph.SerializeToString())
        features = open_features(path, contract)
        assert features is not None  # what makes a twin needs ONNX Runtime
        theirs, ours = expected(patches), features(patches)
    except Exception as error:  # noqa: BLE001 (the converter has errors of its own)
        logger.warning(f"{model.name}: slides are not compared by features: {error}")
        return {}
    apart = float(np.abs(theirs - ours).max() / max(float(np.abs(theirs).max()), 1e-12))
    if not apart <= _TOLERANCE:
        logger.warning(
            f"{model.name}: slides are not compared by features, which differ by {apart:.2g} in "
            "ONNX"
        )
        return {}
    return {path.name: path}
