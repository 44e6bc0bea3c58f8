"""Latency, operations and size of every network of the design; all take turns in one process."""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np

from experiments.study.design import Design
from experiments.study.record import write_json

FILE = "costs.json"
SIDE, ROUNDS = 512, 20


def measure_costs(design: Design, records: Path, side: int = SIDE, rounds: int = ROUNDS) -> Path:
    """Measure the cost of each preset on one tile, with Keras and with ONNX Runtime.

    In every round each network has its turn in each runtime, so that other load on the machine
    affects all of them. Costs depend on the network and not on its weights.

    Args:
        design: whose networks are measured.
        records: folder of ``costs.json``, which is replaced.
        side: of the tile, px; rounded up to what each network takes.
        rounds: how often.
    """
    from hrpn_tf.models.build import build_model
    from hrpn_tf.models.cost import preset_cost
    from hrpn_tf.models.latency import compiled, device_in_words
    from hrpn_tf.models.presets import find_preset

    presets = sorted({network.preset for network in design.networks})
    costs = {name: preset_cost(find_preset(name), inputs=2, size=side) for name in presets}
    runs: dict[tuple[str, str], Callable[[], Any]] = {}
    for name in presets:
        model = build_model(name, inputs=2)
        runs[name, "keras"] = compiled(model, costs[name].size)
        runs[name, "onnxruntime"] = _onnx(model, costs[name].size, costs[name].stride_multiple)
    times = _in_turns(runs, rounds)
    found = {
        name: {
            "parameters": cost.parameters,
            "gmac": cost.gmac,
            "tile": cost.size,
            "receptive_field": cost.receptive_field,
            "latency_ms": {
                runtime: [1e3 * second for second in times[name, runtime]]
                for runtime in ("keras", "onnxruntime")
            },
        }
        for name, cost in costs.items()
    }
    write_json({"device": device_in_words(), "presets": found}, records / FILE)
    return records / FILE


def _in_turns(
    runs: Mapping[tuple[str, str], Callable[[], Any]], rounds: int
) -> dict[tuple[str, str], list[float]]:
    """Seconds of each run. In its turn it runs twice and the second run counts.

    The tiles of a slide follow one another. A first run is slower, and that of a small network by
    more: it finds cold caches, and for a while the threads of the runtime before it wait busily.
    """
    times: dict[tuple[str, str], list[float]] = {key: [] for key in runs}
    for _ in range(rounds):
        for key, run in runs.items():
            run()
            start = time.perf_counter()
            run()
            times[key].append(time.perf_counter() - start)
    return times


def _onnx(model: Any, side: int, multiple: int) -> Callable[[], Any]:
    """One tile through ONNX Runtime, warmed up."""
    import onnxruntime
    from hrpn_export.formats.onnx.exporter import to_onnx
    from hrpn_export.names import INPUT, OUTPUT

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(to_onnx(model, 2, multiple=multiple).SerializeToString())
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    tile = np.random.default_rng(0).uniform(0, 255, (1, side, side, 2)).astype(np.float32)

    def run() -> Any:
        return session.run([OUTPUT], {INPUT: tile})

    run()
    run()
    return run


def latency_ratio(costs: Mapping[str, Any], one: str, others: Sequence[str], runtime: str) -> float:
    """Time of a network over that of another, within a round, median over rounds.

    Args:
        costs: what was measured.
        one: preset.
        others: presets with one and the same graph, whose mean counts.
        runtime: ``keras`` or ``onnxruntime``.
    """
    presets = costs["presets"]
    first = presets[one]["latency_ms"][runtime]
    second = zip(*(presets[name]["latency_ms"][runtime] for name in others), strict=True)
    return median(a / fmean(b) for a, b in zip(first, second, strict=True))
