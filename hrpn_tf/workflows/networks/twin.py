"""The twin of a run: its best network in a runtime that needs no TensorFlow."""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hrpn_tf.errors import TwinError
from hrpn_tf.runs import Run
from hrpn_tf.text import in_shell
from hrpn_tf.workflows.networks.bundle import changed, open_once
from hrpn_tf.workflows.networks.run import RunNetwork

if TYPE_CHECKING:
    import numpy as np
    from hrpn_export import Bundle, Contract, Session

# What of the network leads to its features, by which slides are compared with the training slides.
FEATURES = "features.onnx"
FORMAT, PRECISION = "onnx", "fp32"


@dataclass(frozen=True)
class TwinNetwork(RunNetwork):
    """The best network of a run, run by another runtime than Keras.

    To everything but its runtime it is the network of the run: it has the same identity.

    Attributes:
        runtime: ``onnxruntime`` or ``openvino``.
    """

    runtime: str = "onnxruntime"

    def ran_by(self) -> str:
        """See ``Network``."""
        return self.runtime

    def state(self) -> int:
        """See ``Network``; the twin may be made again."""
        return super().state() + changed(self.run.twin)

    def load(self, threads: int | None) -> "Session":
        """See ``Network``.

        Raises:
            TwinError: see :func:`open_twin`.
            BundleError: the runtime is missing, or did not agree with the Keras model.
        """
        from hrpn_export import open_session

        bundle = open_twin(self.run)
        session = open_session(bundle, FORMAT, PRECISION, threads=threads, runtime=self.runtime)
        return TwinSession(session, bundle.path / FEATURES)


def open_twin(run: Run) -> "Bundle":
    """The twin of the best network of a run, verified.

    Raises:
        TwinError: there is none, it is damaged, or it is of another network than the run has now.
    """
    from hrpn_export.errors import BundleError

    again = f"hrpn-tf twin {in_shell(run)}"
    if not run.twin.exists():
        raise TwinError(f"{run}: has no twin of its network; make one with: {again}")
    try:
        bundle = open_once(run.twin)
        contract = bundle.contract
    except BundleError as error:
        raise TwinError(f"{error}; make the twin again with: {again}") from None
    network = bundle.manifest.provenance.get("network")
    made_of = network.get("sha256") if isinstance(network, dict) else None
    if made_of != run.checksum or contract != run.contract:
        raise TwinError(
            f"{run.twin}: is of an earlier network than {run.best}; make it again with: {again}"
        )
    return bundle


class TwinSession:
    """A session that also gives the features of its network; see ``Session``.

    Args:
        session: runs the network.
        features: file of what leads to the features; need not be there.

    Attributes:
        contract: contract of the network.
        largest_side: see ``hrpn_export.session.largest_side``.
    """

    def __init__(self, session: "Session", features: Path) -> None:
        from hrpn_export.session import largest_side

        self.contract: Contract = session.contract
        self.largest_side = largest_side(session)
        self._session, self._file = session, features
        self._features: tuple[Callable[[np.ndarray], np.ndarray] | None] | None = None
        self._opening = threading.Lock()

    def __call__(self, batch: "np.ndarray") -> "np.ndarray":
        """Predict one batch; see ``Session``."""
        return self._session(batch)

    @property
    def features(self) -> "Callable[[np.ndarray], np.ndarray] | None":
        """See ``hrpn_tf.models.pooling.pooled``; None where they cannot be had."""
        with self._opening:
            if self._features is None:
                is_there = self._file.is_file()
                self._features = (open_features(self._file, self.contract) if is_there else None,)
            return self._features[0]

    def open_features(self) -> threading.Thread:
        """Begin to open the features in a thread; errors are raised when they are asked for."""

        def touch() -> None:
            with suppress(Exception):
                _ = self.features

        # a process waits for it at its end: ONNX Runtime would abort in an interpreter that is gone
        opening = threading.Thread(target=touch)
        opening.start()
        return opening


def open_features(path: Path, contract: "Contract") -> "Callable[[np.ndarray], np.ndarray] | None":
    """Pooled features from an ONNX file; None without ONNX Runtime, or where it cannot be loaded.

    Raises:
        DamagedBundleError: the file could do more than compute.
    """
    from hrpn_export.runtimes import find_runtime
    from hrpn_export.safety import check_onnx

    if not find_runtime("onnxruntime").installed:
        return None
    check_onnx(path)
    try:
        import onnxruntime
    except ImportError:  # installed, with a library missing
        return None

    from hrpn_tf.models.pooling import pooled

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session: Any = onnxruntime.InferenceSession(
        str(path), options, providers=["CPUExecutionProvider"]
    )
    name = session.get_inputs()[0].name

    def run(batch: "np.ndarray") -> "np.ndarray":
        found: np.ndarray = session.run(None, {name: batch.astype("float32", copy=False)})[0]
        return found

    return pooled(run, contract.stride_multiple)
