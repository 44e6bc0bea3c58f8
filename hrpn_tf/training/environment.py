"""The environment of a training: versions and machine."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
from hrpn_export.threads import usable_cores

from hrpn_tf.training.backend import backend

_PACKAGES = ("hrpn-tf", "keras", "numpy", "zarr")


def describe_environment() -> dict[str, Any]:
    """Versions, operating system, processors and memory, as plain values for JSON."""
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "backend": keras.backend.backend(),
        "versions": {**backend.versions(), **{name: version(name) for name in _PACKAGES}},
        "system": platform.platform(),
        "cpu": _cpu_name(),
        "cores": usable_cores(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "gpus": backend.gpu_names(),
    }


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())
