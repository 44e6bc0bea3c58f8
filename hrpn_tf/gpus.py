"""NVIDIA GPUs of this machine, found without a framework, which would hold them."""

import os
from pathlib import Path

_DRIVER = Path("/proc/driver/nvidia/gpus")


def own_gpus() -> tuple[str, ...]:
    """NVIDIA GPUs that this process may use, as ``CUDA_VISIBLE_DEVICES`` names them."""
    if (visible := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return tuple(name for name in visible.split(",") if name and name != "-1")
    return tuple(str(number) for number, _ in enumerate(_DRIVER.glob("*")))
