"""One step of the experiment, run in its own process; prints one line of JSON.

    python -m experiments.sliding_window.step STEP FOLDER SETTINGS

STEP is ``prepare`` (slide, network and its PyTorch copy), ``reference`` (an untiled prediction),
``ours`` or ``monai`` (one contestant). SETTINGS is a JSON object. All files are in FOLDER.
"""

import gc
import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from hrpn_export import Contract

from experiments.sliding_window.sample import (
    CHANNELS,
    CONTRACT,
    COPY,
    NETWORK,
    ONNX,
    SLIDE,
    halo_of,
    prepare,
)
from hrpn_tf.memory import forget_peak, peak_bytes, resident_bytes
from hrpn_tf.prediction import read_reflected
from hrpn_tf.slides import Slide, open_slide, write_slide

Settings = dict[str, Any]
Predictor = Callable[[Any], Any]


def main() -> None:
    """Run the step that the arguments describe and print what it measured."""
    step, folder, settings = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
    steps = {"prepare": _prepare, "reference": _reference, "ours": _ours, "monai": _monai}
    print(json.dumps(steps[step](folder, settings)))


def _prepare(folder: Path, settings: Settings) -> dict[str, Any]:
    return prepare(folder, **settings)


class Timed:
    """A session or a PyTorch predictor that counts its time, pixels and calls."""

    def __init__(self, run: Predictor, contract: Contract | None = None) -> None:
        self._run, self.contract = run, contract
        self.seconds, self.pixels, self.calls = 0.0, 0, 0

    def __call__(self, batch: Any) -> Any:
        """Run it."""
        start = time.perf_counter()
        result = self._run(batch)
        self.seconds += time.perf_counter() - start
        self.calls += 1
        # channels are last in our sessions, second in PyTorch
        sides = batch.shape[1:3] if self.contract else batch.shape[2:]
        self.pixels += batch.shape[0] * sides[0] * sides[1]
        return result


def _measured(network: Timed, loaded: int, predict: Callable[[], Any]) -> dict[str, Any]:
    """Time and memory of a prediction with a loaded and warmed-up network."""
    gc.collect()
    forget_peak()  # loading and warming up the network does not count
    busy, wall, cpu = busy_seconds(), time.perf_counter(), time.process_time()
    predict()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = peak_bytes() or 0
    return {
        "seconds": wall,
        "network_seconds": network.seconds,
        "cpu_seconds": cpu,
        "others": max(0.0, (busy_seconds() - busy - cpu) / wall),
        "peak": peak,
        "above": peak - loaded,
        "pixels": network.pixels,
        "calls": network.calls,
        "engine": _versions(),
    }


def busy_seconds() -> float:
    """Time that all processors have worked or were taken away by a hypervisor, s."""
    user, nice, system, _, _, interrupt, soft, steal, *_ = map(
        int, Path("/proc/stat").read_text(encoding="utf-8").splitlines()[0].split()[1:]
    )
    return (user + nice + system + interrupt + soft + steal) / os.sysconf("SC_CLK_TCK")


# Ours ---------------------------------------------------------------------------------------------


def _ours(folder: Path, settings: Settings) -> dict[str, Any]:
    session = _session(folder, settings["threads"], settings.get("runtime", "keras"))
    loaded = resident_bytes() or 0
    session(np.zeros((1, 256, 256, len(CHANNELS)), np.float32))
    timed = Timed(session, session.contract)
    out = folder / settings["out"]
    found: list[Any] = []
    result = _measured(
        timed, loaded, lambda: found.append(_predict(timed, folder / SLIDE, out, settings))
    )
    tiling = found[0].tiling
    if settings.get("bare"):
        result["bare_seconds"] = _bare_seconds(session, folder, tiling, settings)
    return {**result, "tile": tiling.shape}


def _predict(session: Any, slide: Path, out: Path, settings: Settings) -> Any:
    """The one place that calls this package's prediction of a slide; gives its summary."""
    from hrpn_tf.config import PredictionConfig
    from hrpn_tf.prediction import predict_slide

    given = {key: settings[key] for key in ("tile", "skip_empty", "max_ram") if key in settings}
    config = PredictionConfig(**given)
    with open_slide(slide) as source:
        return predict_slide(
            session,
            source,
            range(len(CHANNELS)),
            out,
            config=config,
            overwrite=True,
            find_tissue=partial(_tissue, source) if config.skip_empty else None,
        )


def _tissue(source: Slide) -> Any:
    """The tissue by the rule of the command, for a run that keeps the default of data.tissue."""
    from hrpn_tf.config import DataConfig
    from hrpn_tf.data.tissue import block_side, channel_mean, is_tissue
    from hrpn_tf.prediction import find_tissue

    size, rule = (source.info.height, source.info.width), DataConfig().tissue
    block = block_side(rule.scale_um, source.info.pixel_size_um)

    def classify(means: Any, side: float) -> Any:
        return is_tissue(channel_mean(means), rule, side / block)

    return find_tissue(source, range(len(CHANNELS)), size, classify, block)


def _bare_seconds(session: Any, folder: Path, tiling: Any, settings: Settings) -> float:
    """Time of the session alone on the tiles of the prediction, from memory, s."""
    from hrpn_tf.prediction.blocks import BlockMaker

    with open_slide(folder / SLIDE) as source:
        tissue = _tissue(source) if settings.get("skip_empty", True) else None
        maker = BlockMaker(source, range(len(CHANNELS)), tiling, tissue, None)
        tiles = [item.pixels for item in maker.inputs(tiling) if item.pixels is not None]
    start = time.perf_counter()
    for pixels in tiles:
        session(pixels[None])
    return time.perf_counter() - start


def _session(folder: Path, threads: int, runtime: str = "keras") -> Any:
    if runtime == "openvino":
        from hrpn_export.runtimes.openvino import OpenVinoSession

        return OpenVinoSession(folder / ONNX, _contract(folder), "cpu", threads)
    import keras
    from hrpn_export.keras_session import KerasSession, limit_threads

    import hrpn_tf.models.layers  # noqa: F401  (registers the layers)

    limit_threads(threads)  # before loading, which starts TensorFlow
    model = keras.saving.load_model(folder / NETWORK, compile=False)
    return KerasSession(model, _contract(folder), threads)


# MONAI --------------------------------------------------------------------------------------------


def _monai(folder: Path, settings: Settings) -> dict[str, Any]:
    native = settings["run"] != "session"
    if native:  # MONAI would import TensorFlow for its summary writer
        sys.modules["tensorflow"] = None  # type: ignore[assignment]
        run = _torch_network(folder, settings)
    else:
        session = _session(folder, settings["threads"])
        run = partial(_through_numpy, session)
    import torch
    from monai.inferers import sliding_window_inference

    timed, roi = Timed(run), _pair(settings["roi"])
    out, contract = folder / settings["out"], _contract(folder)
    loaded = resident_bytes() or 0
    with torch.inference_mode():
        for _ in range(2):
            run(torch.zeros((settings["batch"], len(CHANNELS), *roi)))
        predict = partial(_slide_by_monai, sliding_window_inference, timed, contract, settings)
        return _measured(timed, loaded, lambda: predict(folder / SLIDE, out))


def _pair(roi: int | tuple[int, int]) -> tuple[int, int]:
    """Height and width of a window, of which a square states its side."""
    return (roi, roi) if isinstance(roi, int) else (roi[0], roi[1])


def _torch_network(folder: Path, settings: Settings) -> Predictor:
    """The PyTorch copy, run as ``settings["run"]``: ``eager``, ``channels_last``, ``compile``."""
    import torch

    torch.set_num_threads(settings["threads"])
    network = torch.load(folder / COPY, weights_only=False).eval()
    if settings["run"] == "compile":
        compiled = torch.compile(network)
        # windows are views with the strides of the slide, and would be recompiled for each slide
        return lambda batch: compiled(batch.contiguous())
    if settings["run"] == "channels_last":
        network = network.to(memory_format=torch.channels_last)
        return lambda batch: network(batch.contiguous(memory_format=torch.channels_last))
    return network


def _through_numpy(session: Any, batch: Any) -> Any:
    """Our session as a predictor of NCHW tensors."""
    import torch

    return torch.from_numpy(session(batch.permute(0, 2, 3, 1).numpy())).permute(0, 3, 1, 2)


def _slide_by_monai(
    infer: Any, network: Any, contract: Contract, settings: Settings, slide: Path, out: Path
) -> None:
    """Read a slide, predict it by sliding windows, and write it in the same way as ours."""
    import torch

    options = {key: settings[key] for key in ("overlap", "mode", "sigma_scale") if key in settings}
    halo = halo_of(contract) if settings.get("exact") else 0
    roi, multiple = _pair(settings["roi"]), contract.stride_multiple
    with open_slide(slide) as source:
        info = source.info
        size = info.height, info.width
        sides = [max(r, n + 2 * halo + -n % multiple) for r, n in zip(roi, size, strict=True)]
        if halo:
            image = read_reflected(source, -halo, -halo, *sides, range(len(CHANNELS)))
        else:
            image = source.read(0, 0, info.height, info.width, range(len(CHANNELS)))
    if halo:
        weights = torch.zeros(roi)
        weights[halo:-halo, halo:-halo] = 1.0
        # half a pixel less, so that rounding keeps the step at a multiple of the network's stride
        options |= {"overlap": [(2 * halo - 0.5) / r for r in roi], "roi_weight_map": weights}
    batch = torch.from_numpy(image).permute(2, 0, 1)[None].to(torch.float32).contiguous()
    del image
    answer = infer(batch, roi, settings["batch"], network, **options)[0].permute(1, 2, 0).numpy()
    del batch
    write_slide(
        out,
        answer[halo : halo + info.height, halo : halo + info.width],
        channels=contract.outputs,
        pixel_size_um=info.pixel_size_um,
        provenance={},
        overwrite=True,
    )


# The untiled reference ----------------------------------------------------------------------------


def _reference(folder: Path, settings: Settings) -> dict[str, Any]:
    """A window of the slide, reflected by a full halo, run at once."""
    contract = _contract(folder)
    y, x, height, width = settings["window"]
    halo = halo_of(contract)
    sides = [n + 2 * halo + -n % contract.stride_multiple for n in (height, width)]
    with open_slide(folder / SLIDE) as slide:
        pixels = read_reflected(slide, y - halo, x - halo, *sides, range(len(CHANNELS)))
    if settings["engine"] == "keras":
        answer = _session(folder, settings["threads"])(pixels[None])[0]
    else:
        import torch

        network = _torch_network(folder, {**settings, "run": "channels_last"})
        with torch.inference_mode():
            batch = torch.from_numpy(pixels).permute(2, 0, 1)[None].to(torch.float32)
            answer = network(batch)[0].permute(1, 2, 0).numpy()
    np.save(folder / settings["out"], answer[halo : halo + height, halo : halo + width])
    return {"engine": _versions()}


def _contract(folder: Path) -> Contract:
    return Contract.from_json((folder / CONTRACT).read_text(encoding="utf-8"))


def _versions() -> dict[str, str]:
    """Versions of the frameworks that this process has loaded."""
    found = {}
    for module in ("tensorflow", "keras", "openvino", "torch", "monai"):
        loaded = sys.modules.get(module)
        if loaded is not None:
            found[module] = str(loaded.__version__)
    return found


if __name__ == "__main__":
    main()
