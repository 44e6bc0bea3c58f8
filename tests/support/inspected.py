"""What the tests of ``hrpn-tf inspect`` share."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from support.command import Ended, hrpn_tf

NAMES = ("CD31", "DAPI", "QD655")


def image(height: int = 90, width: int = 120) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 1000, (height, width, 3)).astype(np.uint16)


def inspect(*arguments: Any) -> Ended:
    found = hrpn_tf("inspect", *arguments)
    assert found.exit_code == 0
    return found


def decoded(path: Path) -> np.ndarray:
    found = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert found is not None
    return found[..., ::-1]
