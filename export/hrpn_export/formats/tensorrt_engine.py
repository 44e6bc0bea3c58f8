"""TensorRT: an engine built from the ONNX file of the same precision, with a sidecar."""

from pathlib import Path

from hrpn_export.contract import Contract
from hrpn_export.errors import ExportError, MissingRuntimeError
from hrpn_export.formats.table import Source
from hrpn_export.manifest import Artefact
from hrpn_export.names import INPUT, OUTPUT
from hrpn_export.snippets import section_of
from hrpn_export.tensorrt import Wanted, write_engine
from hrpn_export.tensorrt.command import build_command
from hrpn_export.tensorrt.profiles import make_profiles

NAME = "model.engine"


def export(source: Source, precision: str, folder: Path) -> Path:
    """Write ``model.engine``, ``model.json`` and, with the full TensorRT, ``model.timing``.

    The options are those of :class:`~hrpn_export.tensorrt.Wanted`: ``tiles``, ``batches``,
    ``capability``, ``builder`` and ``timing_cache``.

    Raises:
        MissingRuntimeError: no builder is installed, or it needs a GPU; gives the command that
            builds the engine from the ONNX file on the machine that will run it.
        FormatError, ContractError: an option is not possible.
        ExportError: TensorRT cannot build the model.
    """
    onnx = source.made.get(("onnx", precision))
    if onnx is None:
        raise ExportError(f"an engine is built from ONNX in {precision}, and there is none")
    wanted = Wanted.of(source.options)
    multiple, channels = source.contract.stride_multiple, len(source.contract.inputs)
    path = folder / NAME
    try:
        write_engine(
            onnx,
            path,
            multiple=multiple,
            channels=channels,
            precision=precision,
            wanted=wanted,
        )
    except MissingRuntimeError as error:
        profiles = make_profiles(multiple, channels, wanted.tiles, wanted.batches)
        command = build_command(
            onnx,
            tiles=[profile.tile for profile in profiles if profile.tile is not None],
            batches=[max(wanted.batches)],
        )
        raise MissingRuntimeError(
            f"{error}; the ONNX file is all that a machine with TensorRT needs, there run: "
            f"{command}"
        ) from None
    return path


def section(folder: Path, artefact: Artefact, contract: Contract) -> str:
    """The section of a bundle's README that runs this format."""
    text = (
        "An engine is good for one version of TensorRT and one kind of GPU; the file beside it "
        "says which. On such a machine load it with `tensorrt.Runtime.deserialize_cuda_engine`; "
        f"its tensors are `{INPUT}` and `{OUTPUT}`, both float32 (N, height, width, channels). For "
        f"another machine build it from `onnx/{artefact.precision}/model.onnx`: the ONNX files of "
        "this bundle hold their precision, so no flag for it is needed. An engine is machine code: "
        "load only those of makers you trust."
    )
    return section_of("TensorRT", artefact, "an engine", text)
