"""The pixels of a slide from which its error floor is estimated."""

import numpy as np
import pytest
from support.array_plane import ArrayPlane

from hrpn_tf.evaluation.error_floor.surroundings import Scale
from hrpn_tf.evaluation.measured import MeasuredSlide
from hrpn_tf.workflows.evaluate import error_floor
from hrpn_tf.workflows.evaluate.error_floor import sample_pixels


def test_strips_at_the_edge_count_for_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Glass on 14 % of the slide fills five of its nine windows."""
    monkeypatch.setattr(error_floor, "WINDOW", 64)
    target = np.zeros((138, 138), np.float32)
    target[:128, :128] = 1
    plane = ArrayPlane(target)
    slide = MeasuredSlide("a", "a", "test", {"vessels": plane}, "qd", plane, "vessels", 4.0)
    sample = sample_pixels(slide, [Scale(0.0, 1.0)], True, 0)
    assert abs(len(sample.target) - 4000) < 5
    assert len(sample.features) == len(sample.target)
    assert sample.target.mean() == pytest.approx(target.mean(), abs=0.02)
    assert sample.weight * len(sample.target) == pytest.approx(target.size)
