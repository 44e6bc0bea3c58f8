"""The images that an export is calibrated on, chooses layers by, and is measured on."""

import logging
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from hrpn_tf.workflows.export.about import runs_of
from hrpn_tf.workflows.export.evidence import (
    HeldOutGroups,
    held_out,
    held_out_slide,
    sample_patches,
)
from hrpn_tf.workflows.export.options import ExportOptions
from hrpn_tf.workflows.networks.ensemble import EnsembleNetwork
from hrpn_tf.workflows.networks.run import RunNetwork

if TYPE_CHECKING:
    import numpy as np
    from hrpn_export import Evidence

    from hrpn_tf.data.store import PatchStore

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExportImages:
    """Patches and slides of the training of a network.

    Attributes:
        network: that is exported.
        store: patch dataset that it was trained on.
    """

    network: RunNetwork | EnsembleNetwork
    store: "PatchStore"

    @cached_property
    def held_out(self) -> HeldOutGroups:
        """The groups that the formats are measured on; see ``held_out`` of ``evidence``."""
        return held_out(self.network, self.store)

    def calibration(self) -> "np.ndarray":
        """(N, side, side, inputs) float32 grey levels of the training groups."""
        return sample_patches(self.store, self._groups("train"))[0]

    def selection(self) -> "tuple[np.ndarray, np.ndarray]":
        """Patches and targets that choose the layers which stay float32 in int8 and dynamic.

        They are of the validation groups if the formats are measured on others, or else of the
        training groups: what chose the layers never gives the figures of the certificate.
        """
        measured = self.held_out.groups
        validation = [group for group in self._groups("validation") if group not in measured]
        return sample_patches(self.store, validation or self._groups("train"))

    def evidence(self, scratch: Path, options: ExportOptions) -> "Evidence":
        """Held-out patches and a slide.

        Args:
            scratch: an existing folder, for predictions of the slide.
            options: name the slides and the region.
        """
        from hrpn_export import Evidence

        held = self.held_out
        if held.caution:
            logger.warning(f"{', '.join(held.groups)}: {held.caution}")
        run = runs_of(self.network)[0]
        patches, targets = sample_patches(self.store, held.groups)
        slides = [slide for slide in run.slides(options.slides) if slide.group in held.groups]
        folder = scratch / "predictions"
        folder.mkdir()
        slide = held_out_slide(run, slides, folder, options.region)
        side = patches.shape[1]
        origin = (
            f"{len(patches)} patches of {side} x {side} px of the {held.subset} groups "
            f"({', '.join(held.groups)}), and {slide.name} "
            f"({slide.width} x {slide.height} px){f'; {held.caution}' if held.caution else ''}"
        )
        return Evidence(patches, targets, [slide], origin)

    def _groups(self, subset: str) -> list[str]:
        """The groups in the patch dataset that the training used as this subset."""
        used = self.network.subsets().items()
        single = isinstance(self.network, RunNetwork)  # whose missing patches are an error
        return [g for g, its in used if its == subset and (single or g in self.store.groups)]
