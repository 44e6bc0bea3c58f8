"""Records and a small design of the study, without any training."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from experiments.study.record import SCHEMA
from experiments.study.slide_errors import slide_errors

TOY = """
side: 64
rule: {improvement: 0.9, doublings: 2, hours: 1, cores: 2, validations: 2, smoothing: 2}
grid: {factors: [1, 3], losses: [mse]}
recipes:
  ours:
    learning_rate: 0.01
    set: [training.ema=0.5]
    dextran: {crop: null, batch: 4, shortest: 2}
data:
  dextran:
    set: [data.patch=32, data.stride=32, data.tissue.method=all]
    validation: [field-b]
    test: [field-c]
    leave_one_out: {groups: [field-a, field-b, field-c], networks: [tiny]}
networks:
  tiny: {preset: tiny, recipe: ours, seeds: [0, 1], turn: 1}
  other: {preset: plain, recipe: ours, seeds: [0], turn: 2}
extras:
  tiny-tiled: {of: tiny, title: tiles, "on": false, cost: 1, predict: ["--tile=32"], seeds: [0]}
"""


def toy_design(folder: Path) -> Path:
    path = folder / "toy.yaml"
    path.write_text(TOY, encoding="utf-8")
    assert yaml.safe_load(TOY)["side"] == 64
    return path


def values_of(
    data: str, network: str, seed: int, preset: str, noise: Sequence[float], **more: Any
) -> dict[str, Any]:
    """What a piece would leave whose prediction is the truth plus noise, one slide for each."""
    slides = {}
    for number, sigma in enumerate(noise):
        random = np.random.default_rng(number)
        true = random.gamma(1.0, 8.0, (64, 64)).astype(np.uint8)
        pred = true + sigma * np.random.default_rng(100 + seed).normal(size=true.shape)
        slides[f"slide-{number}"] = slide_errors(true, pred, 0.0)
    ladder = [_training(steps, 10 / steps + noise[0]) for steps in (100, 200, 400)]
    return {
        "schema": SCHEMA, "data": data, "network": network, "seed": seed, "preset": preset,
        "recipe": "ours", "chosen": ladder[-1], "ladder": ladder, "ended": "converged",
        "last_gain": 0.004, "search_core_seconds": 9000.0, "parameters": 1234,
        "training_memory_mb": 100.0, "slides": slides,
        "machine": {"processor": "Abacus(R) Processor, 2 cores"}, **more,
    }  # fmt: skip


def _training(steps: int, error: float) -> dict[str, Any]:
    curve = [
        {"pixels": 1e6 * steps * share, "core_seconds": 10.0 * steps * share,
         "validation_mse": error / share**0.3}
        for share in (0.25, 0.5, 0.75, 1.0)
    ]  # fmt: skip
    return {
        "learning_rate": 0.002, "loss": "mse", "steps": steps, "validation_mse": error,
        "pixels": 1e6 * steps, "core_seconds": 10.0 * steps, "curve": curve,
    }  # fmt: skip


def cost_values(latency: Mapping[str, float]) -> dict[str, Any]:
    """What ``costs`` would leave."""
    presets = {
        name: {
            "parameters": 1000,
            "gmac": ms / 10,
            "latency_ms": {"keras": [2 * ms, 2 * ms], "onnxruntime": [ms, ms]},
        }
        for name, ms in latency.items()
    }
    return {"device": "abacus", "presets": presets}
