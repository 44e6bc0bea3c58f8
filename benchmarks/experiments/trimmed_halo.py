"""What would a network gain that computed its halo only as far as each layer needs it?

    python benchmarks/experiments/trimmed_halo.py
    python benchmarks/experiments/trimmed_halo.py --presets hrpn-m --kept 2048x4096 --runtimes onnx

The halo of a tile is as wide as the receptive field asks of the first layers; the last ones need a
few pixels of it. A copy of the network is cropped where branches meet, so that it gives the same
pixels from the same tile. Prints a Markdown table: pixels read per pixel kept; the multiply-adds of
the copy and of a network cropped after every layer, per pixel kept; processor time and memory of
both networks, and their largest difference. Every network runs in a fresh process.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

RUNS = 3
RUNTIMES = ("keras", "onnx", "openvino")


def main() -> None:
    """Measure each case in a new process and print the table."""
    options = _options()
    if options.case:
        print(*_measured(*options.case, options.threads))
        return
    print(
        "| network | kept, px | read | multiply-adds | at least | runtime | s | trimmed, s ", end=""
    )
    print("| MB | trimmed, MB | difference |\n|" + "---|" * 11)
    for preset in options.presets:
        for kept in options.kept:
            bound = " | ".join(f"{share:.3f}" for share in _case("bound", preset, kept, options))
            for runtime in options.runtimes:
                plain, cut = (
                    _case(f"{way}-{runtime}", preset, kept, options) for way in ("plain", "trimmed")
                )
                cells = f"{plain[0]:.2f} | {cut[0]:.2f} | {plain[1]:.0f} | {cut[1]:.0f}"
                head = f"| `{preset}` | {kept} | {bound} | {runtime}"
                print(f"{head} | {cells} | {abs(plain[2] - cut[2]):.1e} |", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--presets", nargs="+", default=["hrpn-s", "hrpn-m"], help="networks, untrained")
    add("--kept", nargs="+", default=["2048x2048"], help="height x width that a tile contributes")
    add("--runtimes", nargs="+", choices=RUNTIMES, default=RUNTIMES, help="what runs them")
    add("--threads", type=int, default=len(os.sched_getaffinity(0)), help="threads of each")
    add("--case", nargs=3, help=argparse.SUPPRESS)
    return parser.parse_args()


def _case(what: str, preset: str, kept: str, options: argparse.Namespace) -> list[float]:
    command = [sys.executable, __file__, "--case", what, preset, kept]
    done = subprocess.run(
        [*command, "--threads", str(options.threads)],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return [float(each) for each in done.stdout.splitlines()[-1].split()]


def _measured(what: str, preset: str, kept: str, threads: int) -> tuple[float, ...]:
    import keras

    from hrpn_tf.models.build import build_model

    height, width = map(int, kept.split("x"))
    keras.utils.set_random_seed(1)
    model = build_model(preset, inputs=2)
    if what == "bound":
        return bound(model, height, width)
    way, _, runtime = what.partition("-")
    halo = _halo(model)
    network, left = (model, halo) if way == "plain" else trimmed(model, halo)
    return _run(network, left, halo, (height, width), runtime, threads)


def _run(
    network: Any, left: int, halo: int, kept: tuple[int, int], runtime: str, threads: int
) -> tuple[float, ...]:
    """Least processor time, s; memory above the loaded network, MB; and a digest of the result."""
    import numpy as np

    from hrpn_tf.memory import forget_peak, peak_bytes, resident_bytes

    call = _RUNTIMES[runtime](network, threads)
    rng = np.random.default_rng(0)
    shape = (1, *(side + 2 * halo for side in kept), 2)
    tile = rng.integers(0, 256, shape, np.uint8).astype(np.float32)
    call(tile[:, : 4 * halo, : 4 * halo])
    before = resident_bytes() or 0
    forget_peak()
    result = call(tile)
    memory = ((peak_bytes() or 0) - before) / 1e6
    inner = result[0, left : left + kept[0], left : left + kept[1], 0]
    seconds = []
    for _ in range(RUNS):
        start = time.process_time()
        call(tile)
        seconds.append(time.process_time() - start)
    # a difference of the two processes: a weighted sum of what both keep, of norm one
    weights = rng.normal(size=inner.shape).astype(np.float32)
    digest = float((inner * weights).sum(dtype=np.float64) / np.sqrt(inner.size))
    return min(seconds), memory, digest


def bound(model: Any, height: int, width: int) -> tuple[float, float, float]:
    """Pixels read, multiply-adds of the trimmed network, and the least of them, per pixel kept."""
    from hrpn_tf.models.graph import macs_by_layer, stride_multiple

    halo, multiple = _halo(model), stride_multiple(model)
    macs = macs_by_layer(model, multiple, multiple)
    _, _, need = _needs(model)
    total = sum(macs.values())
    plain = (height + 2 * halo) * (width + 2 * halo) / (height * width)

    def share(margins: dict[str, int]) -> float:
        each = (macs[n] * (height + 2 * m) * (width + 2 * m) for n, m in margins.items())
        return sum(each) / (total * height * width)

    least = {n.operation.name: min(halo, need[id(n.outputs[0])]) for n in _nodes(model)}
    margins: dict[str, int] = {}
    trimmed(model, halo, margins)
    return plain, share({n: margins[n] for n in macs}), share({n: least[n] for n in macs})


def trimmed(model: Any, halo: int, margins: dict[str, int] | None = None) -> tuple[Any, int]:
    """A copy that crops branches where they meet, and the margin that its result has left, px.

    Args:
        model: functional, exact in tiles, with one input and one output.
        halo: of a tile, px.
        margins: gets the margin of each layer's output, px, by the name of the layer.
    """
    import keras

    units, _, need = _needs(model)
    made: dict[int, Any] = {}
    have: dict[int, int] = {}

    def cropped(key: int, margin: int) -> Any:
        count = (have[key] - margin) // units[key]
        return keras.layers.Cropping2D(count)(made[key]) if count > 0 else made[key]

    for node in _nodes(model):
        given = id(node.outputs[0])
        if node.is_input:
            made[given], have[given] = keras.Input(node.outputs[0].shape[1:]), halo
        else:
            taken = [id(each) for each in node.input_tensors]
            margin = min(have[key] for key in taken)
            if type(node.operation).__name__ == "Upsample":  # what it takes is a quarter
                margin = min(margin, need[taken[0]])
            inputs = [cropped(key, margin) for key in taken]
            made[given] = node.operation(inputs if len(inputs) > 1 else inputs[0])
            have[given] = margin
        if margins is not None:
            margins[node.operation.name] = have[given]
    start = next(id(node.outputs[0]) for node in _nodes(model) if node.is_input)
    end = id(model.outputs[0])
    return keras.Model(made[start], made[end]), have[end]


def _needs(model: Any) -> tuple[dict[int, int], dict[int, int], dict[int, int]]:
    """By the id of each tensor: px of the input per px; what margins are multiples of; and the
    margin that the result depends on, px of the input."""
    from hrpn_tf.models.layer_rules import steps_of
    from hrpn_tf.models.steps import Blend, SlidingWindow

    nodes = list(_nodes(model))
    units, reaches = {}, {}
    for node in nodes:
        given = id(node.outputs[0])
        step = steps_of(node.operation)[0]
        unit = 1 if node.is_input else units[id(node.input_tensors[0])]
        if isinstance(step, SlidingWindow):
            units[given], reaches[given] = unit * step.stride, unit * (step.size // 2)
        elif isinstance(step, Blend):
            units[given], reaches[given] = unit // step.factor, unit
        else:
            raise SystemExit(f"{node.operation.name}: no rule")
    grids, need = dict(units), {id(model.outputs[0]): 0}
    for node in reversed(nodes):
        given = id(node.outputs[0])
        need[given] = -(-need[given] // grids[given]) * grids[given]
        for key in map(id, [] if node.is_input else node.input_tensors):
            grids[key] = max(grids[key], grids[given])
            need[key] = max(need.get(key, 0), need[given] + reaches[given])
    return units, grids, need


def _nodes(model: Any) -> Iterator[Any]:
    from hrpn_tf.models.graph import nodes_of

    return nodes_of(model)


def _halo(model: Any) -> int:
    from hrpn_tf.models.graph import receptive_field, stride_multiple
    from hrpn_tf.prediction.tiling import round_up

    return round_up((receptive_field(model) or 0) // 2, stride_multiple(model))


def _by_keras(network: Any, threads: int) -> Callable[[Any], Any]:
    import tensorflow as tf
    from hrpn_export.keras_session import limit_threads
    from hrpn_export.tracing import with_constant_weights

    limit_threads(threads)
    run = with_constant_weights(network, 2)
    return lambda tile: run(tf.convert_to_tensor(tile)).numpy()


def _onnx_file(network: Any) -> bytes:
    from hrpn_export.formats.onnx import to_onnx

    # the exporter tries sizes of two to six times this, which the crops must leave something of
    written: bytes = to_onnx(network, 2, multiple=384).SerializeToString()
    return written


def _by_onnx(network: Any, threads: int) -> Callable[[Any], Any]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.enable_mem_pattern = False  # as our sessions
    file, providers = _onnx_file(network), ["CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(file, options, providers=providers)
    name = session.get_inputs()[0].name
    return lambda tile: session.run(None, {name: tile})[0]


def _by_openvino(network: Any, threads: int) -> Callable[[Any], Any]:
    import openvino

    core = openvino.Core()
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
    compiled = core.compile_model(core.read_model(_onnx_file(network), b""), "CPU", settings)
    return lambda tile: compiled([tile])[0]


_RUNTIMES = {"keras": _by_keras, "onnx": _by_onnx, "openvino": _by_openvino}

if __name__ == "__main__":
    main()
