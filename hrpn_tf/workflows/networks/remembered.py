"""What was measured of the runtimes of a network on this machine, kept between commands.

One small file per network and machine, in the user's cache. Nothing depends on it but time: a file
that is missing, damaged, or of other versions or another processor is measured again, and one that
cannot be written is not.
"""

import hashlib
import json
import logging
import math
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from hrpn_tf.errors import HrpnError
from hrpn_tf.files import atomic_path
from hrpn_tf.untrusted import MIB, read_json

logger = logging.getLogger(__name__)

T = TypeVar("T")
_SCHEMA = "hrpn-tf runtimes 1"
_MEMORY_SCHEMA = "hrpn-tf memory 1"
_MOST_BYTES_PER_PX = 1e6
_KEPT = 200  # files; the oldest are removed
# What values of other types raise, and numbers of hundreds of digits.
_ODD_VALUES = (AttributeError, OverflowError)


@dataclass(frozen=True)
class Speed:
    """How fast a runtime is.

    Attributes:
        start: from the start of a process until the network is loaded, s.
        per_mpx: time per megapixel of a tile, s.
    """

    start: float
    per_mpx: float

    def seconds(self, pixels: int) -> float:
        """Time of a command that computes so many pixels, s."""
        return self.start + self.per_mpx * pixels / 1e6


Speeds = dict[str, Speed | None]


def cache_folder() -> Path | None:
    """The user's cache, as the XDG Base Directory Specification names it; None without a home."""
    stated = os.environ.get("XDG_CACHE_HOME", "")
    base = stated if os.path.isabs(stated) else os.path.expanduser("~/.cache")
    # an unknown user, as of some containers, has no home
    return Path(base, "hrpn-tf", "runtimes") if os.path.isabs(base) else None


def key_of(networks: Sequence[str]) -> dict[str, Any]:
    """What a measurement depends on, as plain values.

    Args:
        networks: checksum, runtime and version of every candidate.
    """
    from hrpn_export.threads import usable_cores

    return {"networks": sorted(networks), "cores": usable_cores(), **_processor()}


def recall(key: Mapping[str, Any]) -> Speeds:
    """What was measured before, by candidate; None for one that did not run. Empty if unknown."""

    def read(values: Any) -> Speeds:
        return {str(name): _speed(value) for name, value in values["speeds"].items()}

    return _read(key, _SCHEMA, read) or {}


def remember(key: Mapping[str, Any], speeds: Speeds) -> None:
    """Keep what was measured; that it cannot be written is no error."""
    plain = {name: None if speed is None else asdict(speed) for name, speed in speeds.items()}
    _write(key, {"schema": _SCHEMA, "key": dict(key), "speeds": plain})


def recall_memory(key: Mapping[str, Any]) -> float | None:
    """Memory per pixel that was measured before, bytes; None if unknown."""

    def read(values: Any) -> float:
        found = float(values["bytes_per_px"])
        if not 0 < found <= _MOST_BYTES_PER_PX:
            raise ValueError("no memory per pixel")
        return found

    return _read(key, _MEMORY_SCHEMA, read)


def remember_memory(key: Mapping[str, Any], bytes_per_px: float) -> None:
    """Keep what was measured; that it cannot be written is no error."""
    _write(key, {"schema": _MEMORY_SCHEMA, "key": dict(key), "bytes_per_px": bytes_per_px})


def _read(key: Mapping[str, Any], schema: str, read: Callable[[Any], T]) -> T | None:
    """What ``read`` finds in the file of a key; None if there is none, or it is damaged."""
    if (path := _file(key)) is None:
        return None
    try:
        values = read_json(path, HrpnError, MIB)
        if values["schema"] != schema or values["key"] != dict(key):
            return None
        return read(values)
    except (HrpnError, OSError, KeyError, TypeError, ValueError, *_ODD_VALUES) as error:
        if os.path.lexists(path):  # Path.exists raises in a folder of another user
            logger.debug(f"{path}: damaged ({error}); the runtimes are measured again")
        return None


def _write(key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    if (path := _file(key)) is None:
        return
    text = json.dumps(values, indent=1)
    try:
        with atomic_path(path, overwrite=True) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")
        _tidy(path.parent)
    except (OSError, HrpnError) as error:
        logger.debug(f"{path}: cannot be written ({error}); the runtimes will be measured again")


def forget(key: Mapping[str, Any]) -> None:
    """Measure again at the next prediction."""
    if (path := _file(key)) is not None:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def _file(key: Mapping[str, Any]) -> Path | None:
    folder, text = cache_folder(), json.dumps(dict(key), sort_keys=True)
    return folder and folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"


def _speed(value: Any) -> Speed | None:
    if value is None:
        return None
    speed = Speed(float(value["start"]), float(value["per_mpx"]))
    if not all(math.isfinite(each) and each >= 0 for each in (speed.start, speed.per_mpx)):
        raise ValueError("a time that is negative or not finite")
    return speed


def _tidy(folder: Path) -> None:
    files = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime)
    for path in files[:-_KEPT]:
        path.unlink(missing_ok=True)


@lru_cache(maxsize=1)
def _processor() -> dict[str, str]:
    """Model and instructions of the processor: what was fast on another says nothing here."""
    found = {"machine": platform.machine(), "processor": platform.processor(), "flags": ""}
    names = {"model name": "processor", "flags": "flags", "Features": "flags"}
    with suppress(OSError, UnicodeDecodeError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            name, _, text = line.partition(":")
            if (own := names.get(name.strip())) is not None:
                found[own] = text.strip()
            if not line.strip():  # the other cores are alike
                break
    # hundreds of words
    found["flags"] = hashlib.sha256(" ".join(sorted(found["flags"].split())).encode()).hexdigest()
    return found
