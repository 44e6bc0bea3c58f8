"""Memory of a prediction in a process of its own, without the reader's cache."""

import subprocess
import sys
from pathlib import Path

import pytest

PREDICT = """
import sys
from pathlib import Path
import numpy as np
sys.path.insert(0, sys.argv[3])
from grid_network import ArraySlide, GridNetwork
from hrpn_tf.config import PredictionConfig
from hrpn_tf.prediction import predict_slide

class Endless(ArraySlide):
    def __init__(self, side):
        super().__init__(np.broadcast_to(np.uint8(7), (side, side, 2)))

session = GridNetwork(4)
session._one = lambda image: image.astype(np.float32)[..., :1]
predict_slide(session, Endless(int(sys.argv[1])), [0, 1], Path(sys.argv[2]),
              config=PredictionConfig(tile=256))
status = Path("/proc/self/status").read_text()  # ru_maxrss starts at the parent's peak
print(status.split("VmHWM:")[1].split()[0])
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_slide(tmp_path: Path) -> None:
    """Sixteen times the pixels, 256 MB of them in float32: at most 10 % more memory."""
    peaks = []
    for side in (2000, 8000):
        out = tmp_path / f"{side}.ome.tif"
        arguments = [str(side), str(out), str(Path(__file__).parent)]
        done = subprocess.run(
            [sys.executable, "-c", PREDICT, *arguments], capture_output=True, text=True, check=True
        )
        peaks.append(int(done.stdout))
    assert peaks[1] < 1.1 * peaks[0]
