"""The scaling as numbers: what is refused, what is written, what a unit is."""

import json

import pytest

from hrpn_tf.errors import ConfigError
from hrpn_tf.models.scaling import Scaling

SCALING = Scaling((30.0, 60.0), (20.0, 40.0), 4.0, (255.0, 250.0), 60.0)


@pytest.mark.parametrize(
    ("values", "match"),
    [
        (((1.0,), (1.0, 2.0), 1.0, (9.0,), 9.0), "1 means but 2 deviations and 1 peaks"),
        (((1.0,), (1.0,), 1.0, (9.0, 9.0), 9.0), "1 means but 1 deviations and 2 peaks"),
        (((1.0,), (0.0,), 1.0, (9.0,), 9.0), "constant"),
        (((1.0,), (float("nan"),), 1.0, (9.0,), 9.0), "constant"),
        (((1.0,), (1.0,), 0.0, (9.0,), 9.0), "constant"),
        (((1.0,), (1.0,), 1.0, (0.0,), 9.0), "black"),
        (((1.0,), (1.0,), 1.0, (9.0,), -1.0), "black"),
    ],
)
def test_impossible_scaling_is_refused(values: tuple, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        Scaling(*values)


def test_what_is_written_is_read_back() -> None:
    assert Scaling.from_json(json.loads(json.dumps(SCALING.to_json()))) == SCALING


@pytest.mark.parametrize(
    "change", [{"input_peak": None}, {"target_peak": "high"}, {"input_mean": 3.0}]
)
def test_other_values_are_refused(change: dict) -> None:
    with pytest.raises(ConfigError, match="not as hrpn-tf fit writes it"):
        Scaling.from_json(SCALING.to_json() | change)
    with pytest.raises(ConfigError, match=next(iter(change))):
        Scaling.from_json({k: v for k, v in SCALING.to_json().items() if k not in change})


def test_units() -> None:
    assert [SCALING.unit(kind) for kind in ("log", "symmetric", "none")] == [4.0, 30.0, 1.0]
