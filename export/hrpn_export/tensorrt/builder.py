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
    """What is to be built.

    Attributes:
        onnx: content of the ONNX file; its precision is the engine's.
        name: of the file, for messages.
        profiles: ranges of shapes.
        capabilities: of the GPUs it is for, e.g. ``8.9``.
        timing_cache: of an earlier build; empty if there is none.
    """

    onnx: bytes
    name: str
    profiles: tuple[Profile, ...]
    capabilities: tuple[str, ...]
    timing_cache: bytes = b""


@dataclass(frozen=True)
class Built:
    """What came of it.

    Attributes:
        engine: its bytes.
        version: of the builder.
        timing_cache: for the next build; None if the builder has no use for one.
    """

    engine: bytes
    version: str
    timing_cache: bytes | None


class Builder(Protocol):
    """What differs between the packages ``tensorrt`` and ``tensorrt-rtx``.

    Attributes:
        name: of the package.
        has_timing_cache: whether it times kernels when it builds.
    """

    name: BuilderName
    has_timing_cache: bool

    def targets(self, trt: Any, wanted: Sequence[str] | None, gpu: Gpu | None) -> tuple[str, ...]:
        """Compute capabilities to build for; ``wanted`` None leaves it to the machine.

        Raises:
            FormatError: it cannot build for one of them.
            MissingRuntimeError: it needs a GPU, and there is none.
        """
        ...

    def configure(self, trt: Any, config: Any, capabilities: Sequence[str]) -> None:
        """Tell TensorRT's configuration what to build for."""
        ...


def build(builder: Builder, job: BuildRequest) -> Built:
    """Build an engine.

    Raises:
        ExportError: TensorRT cannot read or build the network; its own first words.
        MissingRuntimeError: the package is not installed.
    """
    trt = load_tensorrt(builder.name)
    log = make_log(trt)
    maker = trt.Builder(log)
    network = maker.create_network(_flags(trt))
    parser = trt.OnnxParser(network, log)
    if not parser.parse(job.onnx):
        said = [parser.get_error(i).desc() for i in range(parser.num_errors)]
        raise ExportError(f"{job.name}: {builder.name} cannot read it: {first_line(said)}")
    check_ends(trt, network, job)
    config = maker.create_builder_config()
    # float32 means float32: the certificate's limit leaves no room for a 10-bit mantissa
    config.clear_flag(trt.BuilderFlag.TF32)
    for profile in job.profiles:
        _add_profile(maker, config, profile, job.name, log)
    builder.configure(trt, config, job.capabilities)
    if builder.has_timing_cache:
        # one that TensorRT cannot read, such as another version's, is begun anew
        cache = config.create_timing_cache(job.timing_cache) or config.create_timing_cache(b"")
        config.set_timing_cache(cache, False)
    log.errors.clear()
    engine = maker.build_serialized_network(network, config)
    if engine is None:
        raise ExportError(
            f"{job.name}: {builder.name} cannot build it for {', '.join(job.capabilities)}: "
            f"{first_line(log.errors)}"
        )
    timing = bytes(config.get_timing_cache().serialize()) if builder.has_timing_cache else None
    return Built(bytes(engine), str(trt.__version__), timing)


def check_ends(trt: Any, network: Any, job: BuildRequest) -> None:
    """Refuse a network whose input and output are not those of a bundle.

    Raises:
        ExportError: says what it has instead.
    """
    inputs = [network.get_input(i) for i in range(network.num_inputs)]
    outputs = [network.get_output(i) for i in range(network.num_outputs)]
    found = [(end.name, end.dtype, len(end.shape)) for end in (*inputs, *outputs)]
    if found != [(INPUT, trt.float32, 4), (OUTPUT, trt.float32, 4)] or len(inputs) != 1:
        ends = ", ".join(
            f"{end.name} {end.dtype} {tuple(end.shape)}" for end in (*inputs, *outputs)
        )
        raise ExportError(
            f"{job.name}: an engine is built from float32 {INPUT} (N, H, W, C) to {OUTPUT}, and "
            f"this file has {ends}; export it again"
        )
    channels = inputs[0].shape[3]
    if channels != job.profiles[0].minimum[3]:
        raise ExportError(
            f"{job.name}: takes {channels} channels, not {job.profiles[0].minimum[3]}"
        )


def _flags(trt: Any) -> int:
    # TensorRT 10 must be told to be strongly typed; later ones are nothing else, and may lose it
    flag = getattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    return 0 if flag is None else 1 << int(flag)


def _add_profile(maker: Any, config: Any, profile: Profile, name: str, log: Any) -> None:
    shapes = maker.create_optimization_profile()
    shapes.set_shape(INPUT, profile.minimum, profile.optimum, profile.maximum)
    if config.add_optimization_profile(shapes) < 0:
        raise ExportError(f"{name}: the profile {profile} is refused: {first_line(log.errors)}")
