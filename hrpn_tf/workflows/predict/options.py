"""Options of a prediction: the pixels to predict, and their computation."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hrpn_tf.extras import installed

if TYPE_CHECKING:
    from hrpn_tf.prediction import Region

CLUSTER = ("distributed", "cryptography")  # modules of worker processes


@dataclass(frozen=True)
class PredictionOptions:
    """The pixels to predict of every slide.

    Attributes:
        region: region in px at full resolution; None for the whole slide.
        mask: GeoJSON file with the areas to predict; None for the whole region.
        level: pyramid level to read; None for the one that fits the network.
        pixel_size_um: um per pixel, for slides whose files state none.
        z: what is read of slides that are stacks: a plane, counted from 1, or "max" or "mean" of
            all; None for what the training read.
        groups: groups of a slide list to predict; empty for all but the training and validation
            groups.
        channels: name or index of the channel in the file, by role of the input; empty for those
            of the network's configuration.
        overrides: overrides of the network's configuration, ``prediction.key=value``.
        anchor: measured mean of the target over the tissue of the animal, to which the prediction
            is scaled; a slide list may state one for each animal instead. None for none.
        anchor_region: part of the only slide whose target was measured, to which the prediction is
            scaled: a region in px at full resolution, or a GeoJSON file; None for none.
        with_inputs: also write each prediction together with its inputs, as one slide in the
            folder ``with-inputs``.
    """

    region: "Region | None" = None
    mask: Path | None = None
    level: int | None = None
    pixel_size_um: float | None = None
    z: int | Literal["max", "mean"] | None = None
    groups: tuple[str, ...] = ()
    channels: Mapping[str, str | int] = field(default_factory=dict)
    overrides: tuple[str, ...] = ()
    anchor: float | None = None
    anchor_region: "Region | Path | None" = None
    with_inputs: bool = False


@dataclass(frozen=True)
class Execution:
    """Computation of the predictions; the results do not depend on it.

    Attributes:
        workers: worker processes on this machine; 0 to predict in this process; None for as many
            as fit, or 0 for a single slide or where the extra ``cluster`` is not installed.
        scheduler: address of a running Dask cluster instead, ``tcp://...``.
        overwrite: replace existing predictions, and unfinished ones with other settings.
        skip_existing: skip slides whose result is there already, of the same slide, channels,
            network and settings; among several slides they are always skipped.
        progress: report the progress; see ``hrpn_tf.progress``.
        on_done: called with one line per finished slide; logs it by default.
    """

    workers: int | None = 0
    scheduler: str | None = None
    overwrite: bool = False
    skip_existing: bool = False
    progress: bool = True
    on_done: Callable[[str], object] = logging.getLogger(__name__).info

    def in_this_process(self, slides: int) -> bool:
        """Whether this number of slides is predicted in this process, without a cluster."""
        if self.scheduler is not None:
            return False
        if self.workers is not None:
            return self.workers == 0
        return slides <= 1 or not all(map(installed, CLUSTER))


def quietly(progress: bool) -> Execution:
    """Execution for commands that need predictions: only missing ones, without log lines.

    Args:
        progress: report the progress.
    """
    return Execution(skip_existing=True, progress=progress, on_done=lambda line: None)
