"""The error of a network on patches of groups that did not train it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hrpn_tf.errors import NonFinitePredictionError, RunError
from hrpn_tf.files import atomic_path
from hrpn_tf.untrusted import read_json

if TYPE_CHECKING:
    from hrpn_export import Session

    from hrpn_tf.data.store import PatchStore
    from hrpn_tf.runs import Run

SCHEMA = "hrpn-tf plan measurement 2"
PATCHES = 256  # of a group, evenly spread; more would hardly change its error
LEVELS = tuple((i + 1) / 200 for i in range(199))  # of the quantiles of the absolute error
_PIXELS = 2**21  # of a group, drawn at random for the quantiles
_BATCH_PIXELS = 2**19


@dataclass(frozen=True)
class GroupErrors:
    """Errors of a network on one group.

    Attributes:
        mse: mean squared error over the pixels of its patches, grey levels^2.
        variance: of the measured target over them, grey levels^2.
        quantiles: of the absolute error at ``LEVELS``, grey levels.
    """

    mse: float
    variance: float
    quantiles: tuple[float, ...]

    def width(self, coverage: float) -> float:
        """Twice the absolute error that a share of the pixels does not exceed, grey levels."""
        return 2 * float(np.interp(coverage, LEVELS, self.quantiles))


def measure(session: "Session", store: "PatchStore", group: str) -> GroupErrors:
    """Predict patches of a group, and compare them with their target; always the same pixels.

    Raises:
        StoreError: a patch is damaged.
        NonFinitePredictionError: the network gives NaN.
    """
    indices = store.indices([group])
    places = np.linspace(0, len(indices) - 1, min(PATCHES, len(indices)))
    chosen = indices[np.unique(places.round().astype(int))]
    kept = max(1, _PIXELS // len(chosen))
    at_once = max(1, _BATCH_PIXELS // store.patch**2)
    squares, sums, target_squares, pixels = 0.0, 0.0, 0.0, 0
    random, absolute = np.random.default_rng(0), []
    for start in range(0, len(chosen), at_once):
        patches = np.stack([store.read(int(i)) for i in chosen[start : start + at_once]])
        target = patches[..., -1].astype(np.float64)
        errors = session(patches[..., :-1])[..., 0] - target
        squares += float(np.square(errors).sum())
        sums += float(target.sum())
        target_squares += float(np.square(target).sum())
        pixels += target.size
        for each in errors:
            places = random.choice(each.size, min(kept, each.size), replace=False)
            absolute.append(np.abs(each.ravel()[places]))
    if not np.isfinite(squares):
        raise NonFinitePredictionError(
            f"group {group}: the network gives values that are not finite"
        )
    mean = sums / pixels
    quantiles = np.quantile(np.concatenate(absolute), LEVELS)
    return GroupErrors(
        max(squares / pixels, float(np.finfo(np.float32).tiny)),
        max(target_squares / pixels - mean**2, 0.0),
        tuple(map(float, quantiles)),
    )


def measured(
    run: "Run", store: "PatchStore", groups: Sequence[str], record: Path
) -> dict[str, GroupErrors]:
    """The errors of a run's network, from a record of this very network if there is one.

    Args:
        run: with a trained network.
        store: patch dataset.
        groups: to measure on.
        record: JSON file that is read or written.
    """
    from hrpn_tf.workflows.networks.run import RunNetwork

    if (known := _read(record, run.checksum, groups)) is not None:
        return known
    session = RunNetwork(run).load(None)
    found = {group: measure(session, store, group) for group in groups}
    values = {
        "schema": SCHEMA,
        "network": run.checksum,
        "training_groups": list(run.split.train),
        "errors": {group: asdict(errors) for group, errors in found.items()},
    }
    with atomic_path(record, overwrite=True) as temporary:
        temporary.write_text(json.dumps(values) + "\n", encoding="utf-8")
    return found


def _read(
    record: Path, network: str | None, groups: Sequence[str]
) -> dict[str, GroupErrors] | None:
    """What a record says; None if there is none of this network and these groups."""
    if not record.is_file():
        return None
    try:
        values: Any = read_json(record, RunError)
        if values["schema"] != SCHEMA or values["network"] != network:
            return None
        errors: Mapping[str, Any] = values["errors"]
        found = {group: _errors(errors[group]) for group in groups}
    except (RunError, KeyError, TypeError, ValueError):
        return None  # damaged: it is measured again
    return found


def _errors(values: Mapping[str, Any]) -> GroupErrors:
    found = GroupErrors(
        float(values["mse"]), float(values["variance"]), tuple(map(float, values["quantiles"]))
    )
    numbers = np.array([found.mse, found.variance, *found.quantiles])
    if len(found.quantiles) != len(LEVELS) or not (np.isfinite(numbers) & (numbers >= 0)).all():
        raise ValueError("no errors")
    return found
