"""An engine in TensorRT or TensorRT-RTX, on the GPU."""

import hashlib
from pathlib import Path

import numpy as np

from hrpn_export.contract import Contract
from hrpn_export.errors import ContractError, DamagedBundleError
from hrpn_export.session import run_checked
from hrpn_export.tensorrt.check import check
from hrpn_export.tensorrt.command import rebuild_command
from hrpn_export.tensorrt.gpu_engine import GpuEngine
from hrpn_export.tensorrt.machine import load_cuda, load_tensorrt, this_machine
from hrpn_export.tensorrt.profiles import choose
from hrpn_export.tensorrt.sidecar import read_sidecar


class TensorRtSession:
    """Runs a file ``model.engine``; see ``hrpn_export.runtimes``.

    The sidecar is checked against the engine's bytes, the installed TensorRT and the GPU before
    TensorRT reads the engine. A batch larger than the profile's is split.

    Attributes:
        contract: contract of the model.
        profiles: ranges of shapes that the engine takes.
        version: builder and version of the engine, which equal those of the TensorRT here.

    Args:
        path: path of the engine, with its sidecar beside it.
        contract: contract of the model.
        device: ``cuda`` or ``cuda:NUMBER``.
        threads: ignored on a GPU.

    Raises:
        DamagedBundleError: the sidecar is missing, cannot be read or does not fit the contract.
        EngineError: the engine is for another machine; gives the command to rebuild it.
        MissingRuntimeError: there is no GPU, or TensorRT or cuda-bindings is not installed.
        FormatError: there is no such GPU.
    """

    def __init__(self, path: Path, contract: Contract, device: str, threads: int | None) -> None:
        self.contract = contract
        self._path = path
        self._sidecar = read_sidecar(path)
        self.profiles = self._sidecar.profiles
        self.version = f"{self._sidecar.builder} {self._sidecar.version}"
        if {profile.maximum[3] for profile in self.profiles} != {len(contract.inputs)}:
            raise DamagedBundleError(
                f"{path}: its sidecar is of another number of channels than the contract's "
                f"{len(contract.inputs)}; export again"
            )
        machine = this_machine(device)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DamagedBundleError(f"{path}: cannot be read: {error.strerror}") from None
        check(self._sidecar, hashlib.sha256(content).hexdigest(), machine, path)
        assert machine.gpu is not None  # or check has raised
        self._engine = GpuEngine(
            load_tensorrt(self._sidecar.builder),
            load_cuda(),
            content,
            machine.gpu.number,
            str(path),
        )

    @property
    def largest_side(self) -> int:
        """The largest height and width that it takes, px."""
        return max(min(profile.maximum[1:3]) for profile in self.profiles)

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Predict one batch; see ``Session``.

        Raises:
            ContractError: no profile takes the height and width; lists the profiles.
            EngineError: CUDA or TensorRT failed, for lack of memory for example.
        """
        return run_checked(self.contract, batch, self._run)

    def _run(self, batch: np.ndarray) -> np.ndarray:
        try:
            number = choose(self.profiles, batch.shape)
        except ContractError as error:
            command = rebuild_command(self._sidecar, self._path, also=batch.shape[1:3])
            raise ContractError(
                f"{self._path}: {error}; predict in other tiles, or rebuild it: {command}"
            ) from None
        step = self.profiles[number].maximum[0]
        parts = [batch[start : start + step] for start in range(0, len(batch), step)]
        done = [self._engine.run(part, number) for part in parts]
        return done[0] if len(done) == 1 else np.concatenate(done)
