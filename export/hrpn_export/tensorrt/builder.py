"""The interface of a builder, and the code path that all builders share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from hrpn_export.errors import ExportError
from hrpn_export.names import INPUT, OUTPUT
from hrpn_export.tensorrt.log import first_line, make_log
from hrpn_export.tensorrt.machine import Gpu, load_tensorrt
from hrpn_export.tensorrt.profiles import Profile
from hrpn_export.tensorrt.sidecar import BuilderName


@dataclass(frozen=True)
class BuildRequest:
    """The engine to build.

    Attributes:
        onnx: content of the ONNX file, which sets the precision of the engine.
        name: name of the file, for messages.
        profiles: ranges of input shapes.
        capabilities: compute capabilities of the GPUs to build for, e.g. ``8.9``.
        timing_cache: timing cache of an earlier build; empty if there is none.
    """

    onnx: bytes
    name: str
    profiles: tuple[Profile, ...]
    capabilities: tuple[str, ...]
    timing_cache: bytes = b""


@dataclass(frozen=True)
class Built:
    """A finished engine.

    Attributes:
        engine: content of the engine file.
        version: version of the builder.
        timing_cache: timing cache for the next build; None if the builder does not use one.
    """

    engine: bytes
    version: str
    timing_cache: bytes | None


class Builder(Protocol):
    """The differences between the packages ``tensorrt`` and ``tensorrt-rtx``.

    Attributes:
        name: name of the package.
        has_timing_cache: whether it times kernels when it builds.
    """

    name: BuilderName
    has_timing_cache: bool

    def targets(self, trt: Any, wanted: Sequence[str] | None, gpu: Gpu | None) -> tuple[str, ...]:
        """Compute capabilities to build for.

        Args:
            trt: module of the builder.
            wanted: capabilities to build for; None to choose for this machine.
            gpu: GPU of this machine, if any.

        Raises:
            FormatError: the builder cannot build for one of them.
            MissingRuntimeError: the builder needs a GPU, and there is none.
        """
        ...

    def configure(self, trt: Any, config: Any, capabilities: Sequence[str]) -> None:
        """Set the compute capabilities in TensorRT's configuration."""
        ...


def build(builder: Builder, request: BuildRequest) -> Built:
    """Build an engine.

    Raises:
        ExportError: TensorRT cannot read or build the network; quotes its first message.
        MissingRuntimeError: the package is not installed.
    """
    trt = load_tensorrt(builder.name)
    log = make_log(trt)
    maker = trt.Builder(log)
    network = maker.create_network(_flags(trt))
    parser = trt.OnnxParser(network, log)
    if not parser.parse(request.onnx):
        said = [parser.get_error(i).desc() for i in range(parser.num_errors)]
        raise ExportError(f"{request.name}: {builder.name} cannot read it: {first_line(said)}")
    check_ends(trt, network, request)
    config = maker.create_builder_config()
    # true float32: the limit of the certificate leaves no room for TF32's 10-bit mantissa
    config.clear_flag(trt.BuilderFlag.TF32)
    for profile in request.profiles:
        _add_profile(maker, config, profile, request.name, log)
    builder.configure(trt, config, request.capabilities)
    if builder.has_timing_cache:
        # start with an empty one if TensorRT cannot read it, e.g. of another version
        cache = config.create_timing_cache(request.timing_cache) or config.create_timing_cache(b"")
        config.set_timing_cache(cache, False)
    log.errors.clear()
    engine = maker.build_serialized_network(network, config)
    if engine is None:
        raise ExportError(
            f"{request.name}: {builder.name} cannot build it for "
            f"{', '.join(request.capabilities)}: {first_line(log.errors)}"
        )
    timing = bytes(config.get_timing_cache().serialize()) if builder.has_timing_cache else None
    return Built(bytes(engine), str(trt.__version__), timing)


def check_ends(trt: Any, network: Any, request: BuildRequest) -> None:
    """Refuse a network whose input and output are not those of a bundle.

    Raises:
        ExportError: lists the inputs and outputs that the network has.
    """
    inputs = [network.get_input(i) for i in range(network.num_inputs)]
    outputs = [network.get_output(i) for i in range(network.num_outputs)]
    found = [(end.name, end.dtype, len(end.shape)) for end in (*inputs, *outputs)]
    if found != [(INPUT, trt.float32, 4), (OUTPUT, trt.float32, 4)] or len(inputs) != 1:
        ends = ", ".join(
            f"{end.name} {end.dtype} {tuple(end.shape)}" for end in (*inputs, *outputs)
        )
        raise ExportError(
            f"{request.name}: an engine is built from float32 {INPUT} (N, H, W, C) to {OUTPUT}, "
            f"and this file has {ends}; export it again"
        )
    channels = inputs[0].shape[3]
    if channels != request.profiles[0].minimum[3]:
        raise ExportError(
            f"{request.name}: takes {channels} channels, not {request.profiles[0].minimum[3]}"
        )


def _flags(trt: Any) -> int:
    # TensorRT 10 needs this flag; later versions are always strongly typed and may drop it
    flag = getattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    return 0 if flag is None else 1 << int(flag)


def _add_profile(maker: Any, config: Any, profile: Profile, name: str, log: Any) -> None:
    shapes = maker.create_optimization_profile()
    shapes.set_shape(INPUT, profile.minimum, profile.optimum, profile.maximum)
    if config.add_optimization_profile(shapes) < 0:
        raise ExportError(f"{name}: the profile {profile} is refused: {first_line(log.errors)}")
