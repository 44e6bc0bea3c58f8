"""What can be chosen for a prediction: which pixels, and how they are computed."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hrpn_tf.prediction import Region


@dataclass(frozen=True)
class PredictionOptions:
    """What is predicted of every slide.

    Attributes:
        region: px of the slide at full resolution; None for all of it.
        mask: GeoJSON file; None for everything.
        level: of the slide to read; None for the one that fits the network.
        pixel_size_um: um per pixel, for slides that state none.
        groups: of a slide list: only these; empty for those that the training neither trained nor
            picked its checkpoint with.
        channels: role of an input: name or index of its channel in the file, where that is not as
            in the network's configuration.
        overrides: of the network's configuration, ``prediction.key=value``.
    """

    region: "Region | None" = None
    mask: Path | None = None
    level: int | None = None
    pixel_size_um: float | None = None
    groups: tuple[str, ...] = ()
    channels: Mapping[str, str | int] = field(default_factory=dict)
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class Execution:
    """How slides are computed; the results do not depend on it.

    Attributes:
        workers: processes of a Dask cluster on this machine; 0 for none, in this process; None for
            as many as fit, unless there is one slide.
        scheduler: address of a running Dask cluster instead, ``tcp://...``.
        overwrite: replace existing predictions, and what was begun with other settings.
        skip_existing: leave out slides that this very network has predicted already; of several
            slides they are left out in any case.
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
        """Whether so many slides are predicted one after another, without a cluster."""
        if self.scheduler is not None:
            return False
        return self.workers == 0 or (self.workers is None and slides <= 1)


def quietly(progress: bool) -> Execution:
    """The execution of a command that needs predictions: those that are missing, without a line.

    Args:
        progress: report the progress.
    """
    return Execution(skip_existing=True, progress=progress, on_done=lambda line: None)
