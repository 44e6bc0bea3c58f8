"""``tensorrt``: NVIDIA's full package, which times kernels on the GPU it builds for."""

from collections.abc import Sequence
from typing import Any

from hrpn_export.errors import FormatError, MissingRuntimeError
from hrpn_export.tensorrt.machine import Gpu
from hrpn_export.tensorrt.sidecar import BuilderName


class FullBuilder:
    """The full TensorRT; see :class:`~hrpn_export.tensorrt.builder.Builder`."""

    name: BuilderName = "tensorrt"
    has_timing_cache = True

    def targets(self, trt: Any, wanted: Sequence[str] | None, gpu: Gpu | None) -> tuple[str, ...]:
        """The capability of this machine's GPU; others are refused."""
        if gpu is None:
            raise MissingRuntimeError(
                f"{self.name} builds only on the GPU that will run the engine, and here is none: "
                "build there, or without a GPU by --builder tensorrt-rtx"
            )
        others = [capability for capability in wanted or () if capability != gpu.capability]
        if others:
            raise FormatError(
                f"{self.name} builds for the GPU of this machine, {gpu.name} of compute capability "
                f"{gpu.capability}, not for {', '.join(others)}: build there, or by --builder "
                "tensorrt-rtx"
            )
        return (gpu.capability,)

    def configure(self, trt: Any, config: Any, capabilities: Sequence[str]) -> None:
        """Do nothing: it builds for the current GPU of CUDA."""
