"""The scenario ``slide`` of benchmarks: a whole slide, from the file to the written prediction."""

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from hrpn_benchmarks.errors import BenchmarkError
from hrpn_benchmarks.measures import Measured, Samples
from hrpn_benchmarks.scenarios.scenario import Scenario, ScenarioContext
from hrpn_benchmarks.scenarios.sessions import speeds
from hrpn_benchmarks.trackers.timing import Latency, PeakMemory

from hrpn_tf.workflows.networks.bundle import BundleNetwork
from hrpn_tf.workflows.networks.network import load_network

if TYPE_CHECKING:
    from hrpn_benchmarks.case import BenchmarkCase
    from hrpn_export import Contract

    from hrpn_tf.prediction import PredictionSummary
    from hrpn_tf.workflows.predict.job import SlideJob as Prediction

_VERSION = 1  # of what the slide shows: earlier ones may still lie in the temporary folder
_BLOCK = 1024  # px; side of the squares that the slide consists of
# Pixel size, um, assumed where the contract states none.
_ANY_PIXEL_SIZE = 0.5


def slide(context: ScenarioContext) -> Measured:
    """Predict a slide of ``case.side`` px, as ``hrpn-tf predict --bundle`` does.

    The time includes planning, reading, halos, the network, writing and the pyramid of the result,
    but not loading the network and making the slide. No tile is skipped as empty.

    Raises:
        BenchmarkError: the case is a baseline implementation.
    """
    case = context.case
    if case.peer:
        raise BenchmarkError("a baseline implementation cannot predict a slide; a bundle can")
    network = BundleNetwork(
        Path(case.bundle),
        case.format,
        case.precision,
        runtime=case.runtime,
        device=case.device,
        uncertified=case.uncertified,
    )
    contract = network.contract()
    source = made_slide(contract, case.side)
    load_network(network, case.threads)
    latency, memory, summaries = Latency(), PeakMemory(), []
    with tempfile.TemporaryDirectory(prefix="hrpn-benchmark-") as folder:
        planned = _planned(network, source, Path(folder) / "prediction.ome.tif")
        context.together()
        with memory.watch():
            while not latency.times or sum(latency.times) < case.seconds:
                with latency.sample():
                    summaries.append(_predict(planned, case))
                planned.out.unlink()
    return _measured(latency, memory, summaries, contract)


SLIDE = Scenario("slide", slide, "slides")


def made_slide(contract: "Contract", side: int) -> Path:
    """An OME-TIFF of smooth noise with the contract's inputs, made once per side.

    It stays in the system's temporary folder for later cases. The same arguments give the same
    bytes.

    Args:
        contract: gives the channels, their largest grey level and the pixel size.
        side: height and width, px.

    Raises:
        BenchmarkError: other users may write to the folder.
    """
    from hrpn_tf.slides import write_slide

    names = contract.inputs
    dtype = np.dtype(np.uint8 if contract.grey_max <= 255 else np.uint16)
    size = contract.pixel_size_um or _ANY_PIXEL_SIZE
    path = _own_folder() / f"{_VERSION}-{side}-{'-'.join(names)}-{dtype}-{size:g}.ome.tif"
    if not path.exists():
        block = _smooth_noise(len(names), dtype)
        repeats = -(-side // _BLOCK)
        image = np.tile(block, (repeats, repeats, 1))[:side, :side]
        write_slide(path, image, channels=names, pixel_size_um=size, provenance={}, overwrite=True)
    return path


def _smooth_noise(channels: int, dtype: np.dtype) -> np.ndarray:
    """(1024, 1024, channels) structures of a few pixels, which compress like stained tissue."""
    from scipy.ndimage import gaussian_filter

    random = np.random.default_rng(0)
    planes = gaussian_filter(
        random.standard_normal((_BLOCK, _BLOCK, channels)), (2, 2, 0), mode="wrap"
    )
    levels = np.clip(48 + 32 * planes / planes.std(), 0, 255)
    return levels.astype(dtype)


def _own_folder() -> Path:
    """Create or check a folder that no other user of the machine can write to."""
    path = Path(tempfile.gettempdir()) / f"hrpn-benchmark-slides-{os.getuid()}"
    path.mkdir(mode=0o700, exist_ok=True)
    about = path.lstat()
    if about.st_uid != os.getuid() or about.st_mode & 0o022:
        raise BenchmarkError(f"{path}: others may write there; remove it, or set TMPDIR")
    return path


def _planned(network: BundleNetwork, source: Path, out: Path) -> "Prediction":
    """The prediction of the slide, planned like that of any slide."""
    from hrpn_tf.workflows.predict.one_slide import plan_slides
    from hrpn_tf.workflows.predict.requests import Request

    config = network.config(["prediction.skip_empty=false"])
    return plan_slides(network, [Request(source, out, {}, None)], config=config)[0]


def _predict(planned: "Prediction", case: "BenchmarkCase") -> "PredictionSummary":
    """What ``hrpn-tf predict`` does with one slide, with the case's threads."""
    from hrpn_tf.workflows.predict.one_slide import predict_slide

    session = load_network(planned.network, case.threads)
    return predict_slide(planned, session, processes=case.processes)


def _measured(
    latency: Latency,
    memory: PeakMemory,
    summaries: list["PredictionSummary"],
    contract: "Contract",
) -> Measured:
    measures = {
        "slide": latency.samples,
        "in the network": Samples(unit="s", values=tuple(s.session_seconds for s in summaries)),
        **memory.measures,
    }
    speed = speeds(contract, summaries[0].pixels, latency.samples)
    return Measured(measures=measures).joined(speed)
