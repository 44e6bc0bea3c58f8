"""One ONNX file as a session, for programs that bring nothing but NumPy, ONNX and ONNX Runtime."""

from pathlib import Path

from hrpn_export.boundary import named_errors
from hrpn_export.contract import Contract
from hrpn_export.errors import ContractError
from hrpn_export.runtimes.table import find_runtime
from hrpn_export.safety.onnx_file import check_onnx
from hrpn_export.session import Session


def open_onnx(
    path: Path | str,
    contract: Contract | None = None,
    *,
    device: str = "cpu",
    threads: int | None = None,
) -> Session:
    """Check an ONNX file of a bundle and load it, without the rest of the bundle.

    Needs NumPy, ``onnx`` and ``onnxruntime`` alone. What :func:`hrpn_export.open_session` verifies
    besides (checksums, the certificate) is left to the caller.

    Args:
        path: the file, ``onnx/fp32/model.onnx`` of a bundle.
        contract: of the model; None for the one in the metadata of the file.
        device: ``cpu``, ``cuda``, ``cuda:1`` or ``tensorrt``.
        threads: largest number of threads; None for as many as there are cores for this process.

    Returns:
        A session: it maps (N, H, W, inputs) grey levels to (N, H, W, outputs) float32 grey levels.

    Raises:
        DamagedBundleError: there is no such file, it is no ONNX file, or it could do more than
            compute.
        ContractError: the metadata hold no contract, and none is given.
        MissingRuntimeError: ``onnx`` or ``onnxruntime`` is not installed.
        FormatError: ONNX Runtime does not run on the device.

    Example::

        session = open_onnx("bundle/onnx/fp32/model.onnx")
        prediction = session(image[None])[0]  # (H, W, outputs)
    """
    file, opener = Path(path), find_runtime("onnxruntime").opener()
    check_onnx(file)
    contract = contract or _stated(file)
    with named_errors(f"{file}: onnxruntime cannot load it"):
        return opener(file, contract, device, threads)


def _stated(file: Path) -> Contract:
    """The contract in the metadata of a file that was checked."""
    import onnx

    for entry in onnx.load(str(file), load_external_data=False).metadata_props:
        if entry.key == "contract":
            return Contract.from_json(entry.value)
    raise ContractError(f"{file}: its metadata hold no contract; give one")
