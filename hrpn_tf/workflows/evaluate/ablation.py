"""How much each input contributes: predict again without what it says."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from hrpn_tf.config import Config
from hrpn_tf.errors import RunError, UsageError
from hrpn_tf.runs.slides import RunSlide, prediction_path
from hrpn_tf.slides import Slide, open_slide
from hrpn_tf.slides.slide import ClosedOnExit
from hrpn_tf.workflows.networks.run import RunNetwork

How = Literal["mean", "shuffle"]
SEED = 0
FEWEST_BLOCKS = 4  # of a slide; fewer are hardly shuffled


class AblatedSlide(ClosedOnExit):
    """A slide one channel of which tells nothing; see ``Slide``.

    Args:
        slide: open.
        channel: index of the channel.
        level: grey level that it has everywhere, rounded where the slide holds whole numbers; or
            None to shuffle its blocks over the slide, which keeps grey levels and textures.
        side: of these blocks, px; the rest at the right and bottom stays where it is.
    """

    def __init__(self, slide: Slide, channel: int, level: float | None, side: int) -> None:
        self._slide, self._channel, self._side = slide, channel, side
        self.info = slide.info
        self._value = level
        if level is not None and self.info.dtype.kind == "u":
            self._value = round(level)
        rows, self._columns = self.info.height // side, self.info.width // side
        self._from = np.random.default_rng(SEED).permutation(rows * self._columns)

    def read(
        self, y: int, x: int, height: int, width: int, channels: Sequence[int], level: int = 0
    ) -> np.ndarray:
        """See :meth:`~hrpn_tf.slides.slide.Slide.read`."""
        window = self._slide.read(y, x, height, width, channels, level)
        places = [i for i, channel in enumerate(channels) if channel == self._channel]
        if not places:
            return window
        window = window.copy()
        window[..., places] = (
            self._shuffled(y, x, height, width) if self._value is None else self._value
        )
        return window

    def _shuffled(self, y: int, x: int, height: int, width: int) -> np.ndarray:
        side = self._side
        out = self._slide.read(y, x, height, width, [self._channel]).copy()
        for row in range(y // side, min((y + height - 1) // side + 1, self.info.height // side)):
            for column in range(x // side, min((x + width - 1) // side + 1, self._columns)):
                top, left = max(y, row * side), max(x, column * side)
                bottom = min(y + height, (row + 1) * side)
                right = min(x + width, (column + 1) * side)
                source = divmod(int(self._from[row * self._columns + column]), self._columns)
                out[top - y : bottom - y, left - x : right - x] = self._slide.read(
                    source[0] * side + top - row * side,
                    source[1] * side + left - column * side,
                    bottom - top,
                    right - left,
                    [self._channel],
                )
        return out

    def close(self) -> None:
        """Close the slide."""
        self._slide.close()


def check_ablations(
    run: Path, config: Config, slides: Sequence[RunSlide], roles: Sequence[str], how: How
) -> None:
    """Refuse what cannot be ablated before anything is computed.

    Raises:
        UsageError: the network has no such input, or a slide holds too few blocks to shuffle.
        RunError: no network, or its training's mean grey levels are missing.
    """
    side = config.spatial.shuffle_um
    for role in roles:
        if role not in config.data.inputs:
            raise UsageError(
                f"--ablate {role}: the network has no such input; its inputs are "
                f"{', '.join(config.data.inputs)}"
            )
        ablation_of(run, config, role, how, side)
    if roles:
        RunNetwork(run).origin()
    for slide in slides if roles and how == "shuffle" else ():
        with open_slide(slide.path) as opened:
            info = opened.info
        pixels = side / (info.pixel_size_um or slide.pixel_size_um or 1.0)
        if int(info.height / pixels) * int(info.width / pixels) < FEWEST_BLOCKS:
            raise UsageError(
                f"{slide.path}: holds fewer than {FEWEST_BLOCKS} blocks of {side:g} um to "
                "shuffle; choose smaller ones with --set spatial.shuffle_um=SIDE, or --ablate-by "
                "mean"
            )


def predict_without(
    run: Path,
    slide: RunSlide,
    role: str,
    how: How,
    folder: Path,
    *,
    shuffle_um: float,
    progress: bool,
) -> Path:
    """Predict a slide with one input ablated; what the same network did already is kept.

    Args:
        run: folder of the training.
        slide: to predict.
        role: the input.
        how: its mean grey level over the training slides, or its own blocks shuffled.
        folder: of the predictions; the result goes to ``FOLDER/ablated/ROLE-HOW``.
        shuffle_um: side of the blocks that are shuffled.
        progress: show a bar on standard error.

    Raises:
        RunError: no network, or its training's mean grey levels are missing.
        HrpnError: others as ``predict_run`` raises them.
    """
    from hrpn_tf.prediction import memory_budget, run_prediction
    from hrpn_tf.slides import read_provenance
    from hrpn_tf.workflows.networks.network import load_network
    from hrpn_tf.workflows.predict.jobs import PredictionOptions, check, opened
    from hrpn_tf.workflows.predict.predict import with_tile
    from hrpn_tf.workflows.predict.requests import Request

    network = RunNetwork(run)
    out = prediction_path(folder / "ablated" / f"{role}-{how}", slide.name)
    change = ablation_of(run, network.config([]), role, how, shuffle_um)
    if out.exists():
        made = read_provenance(out)
        same = made.get("model", {}).get("sha256") == network.origin()["sha256"]
        if same and made.get("ablation") == change:
            return out
    contract = network.contract()
    config = with_tile(network.config([]), contract, network, asked_for=False)
    request = Request(slide.path, out, slide.channels, slide.pixel_size_um)
    job = check(request, network, contract, config, PredictionOptions(), overwrite=True)
    budget = memory_budget(job.config.prediction)
    with opened(job, load_network(network), budget) as prediction:
        channel = job.channels[contract.inputs.index(role)]
        side = max(1, round(shuffle_um / job.frame.pixel_size_um))
        origin = prediction.origin
        ablated = replace(
            prediction,
            slide=AblatedSlide(prediction.slide, channel, change["grey_level"], side),
            origin=lambda: {**origin(), "ablation": change},
        )
        run_prediction(ablated, budget=budget, overwrite=out.exists(), progress=progress)
    return out


def ablation_of(
    run: Path, config: Config, role: str, how: How, shuffle_um: float
) -> dict[str, Any]:
    """What is done to an input, as a predicted slide says it.

    Raises:
        RunError: the training's mean grey levels are missing.
    """
    if how == "shuffle":
        return {"input": role, "how": how, "grey_level": None, "block_um": shuffle_um, "seed": SEED}
    scaling = _scaling(run)
    level = float(scaling["input_mean"][list(config.data.inputs).index(role)])
    return {"input": role, "how": how, "grey_level": level}


def _scaling(run: Path) -> Mapping[str, Any]:
    path = run / "scaling.json"
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        list(values["input_mean"])
    except (OSError, ValueError, KeyError, TypeError):
        raise RunError(
            f"{path}: missing or damaged, so that the mean grey level of an input is not known; "
            "ablate with --ablate-by shuffle, or run hrpn-tf fit again"
        ) from None
    return values
