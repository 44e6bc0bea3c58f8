"""``tensorrt-rtx``: available on PyPI, builds for any compute capability without a GPU."""

from collections.abc import Sequence
from typing import Any

from hrpn_export.errors import FormatError
from hrpn_export.tensorrt.machine import INSTALL, Gpu
from hrpn_export.tensorrt.sidecar import BuilderName


class RtxBuilder:
    """TensorRT for RTX; see :class:`~hrpn_export.tensorrt.builder.Builder`.

    Its engines hold a plan instead of kernels, which are compiled for the GPU at the first run. So
    there is nothing to time, and its timing cache would only require a GPU.
    """

    name: BuilderName = "tensorrt-rtx"
    has_timing_cache = False

    def targets(self, trt: Any, wanted: Sequence[str] | None, gpu: Gpu | None) -> tuple[str, ...]:
        """The wanted capabilities; else that of the GPU; else all that this version knows."""
        known = _known(trt)
        here = tuple(known) if gpu is None else (gpu.capability,)
        targets = here if wanted is None else tuple(wanted)
        for capability in targets:
            if capability not in known:
                raise FormatError(
                    f"{self.name} {trt.__version__} builds for compute capability "
                    f"{', '.join(known)}, not for {capability}; on a machine with such a GPU use "
                    f"the full TensorRT: {INSTALL['tensorrt']}"
                )
        return tuple(dict.fromkeys(targets))

    def configure(self, trt: Any, config: Any, capabilities: Sequence[str]) -> None:
        """Configure one engine for all capabilities."""
        config.num_compute_capabilities = len(capabilities)
        for place, capability in enumerate(capabilities):
            config.set_compute_capability(_known(trt)[capability], place)


def _known(trt: Any) -> dict[str, Any]:
    """TensorRT's constants, such as ``SM89``, by capability, such as ``8.9``."""
    names = {
        name.removeprefix("SM"): value
        for name, value in trt.ComputeCapability.__members__.items()
        if name.startswith("SM") and name[2:].isdigit()
    }
    return {f"{name[:-1]}.{name[-1]}": value for name, value in names.items()}
