"""Objects of the slides of an analysis for QuPath, and the script that imports them."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from hrpn_tf.config import DataConfig
from hrpn_tf.config.spatial import SpatialConfig
from hrpn_tf.errors import UsageError
from hrpn_tf.evaluation.analysis.measures import SlideAnalysis
from hrpn_tf.evaluation.planes import Plane
from hrpn_tf.evaluation.qupath.contours import Contour, find_contour
from hrpn_tf.evaluation.qupath.features import SlideObjects, write_features
from hrpn_tf.evaluation.qupath.nuclei import OutlinedNuclei
from hrpn_tf.evaluation.qupath.outlines import Spool
from hrpn_tf.evaluation.qupath.script import SCRIPT, ScriptSlide, import_script
from hrpn_tf.evaluation.spatial.intensity import Extremes
from hrpn_tf.evaluation.spatial.measure import least_nucleus
from hrpn_tf.runs.slides import RunSlide
from hrpn_tf.slides import open_slide
from hrpn_tf.slides.checks import recorded_pixel_size, same_pixel_size
from hrpn_tf.slides.names import file_stem
from hrpn_tf.workflows.evaluate.spatial_anatomy import Anatomy, SlideInputs
from hrpn_tf.workflows.predict.with_inputs import combined_path

QUPATH = "qupath"  # folder within the analysis

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class QuPathFiles:
    """The files for QuPath, while slides are analysed.

    Attributes:
        folder: that is being written.
        final: what it will be called.
        contours: grey levels, from low to high.
        data: section of the configuration.
        done: slides that are written.
    """

    folder: Path
    final: Path
    contours: Sequence[float]
    data: DataConfig
    done: list[ScriptSlide] = field(default_factory=list)

    def add(
        self,
        slide: RunSlide,
        prediction: Path | None,
        analysis: SlideAnalysis,
        tissue: Plane | None,
        nuclei: Spool,
        scratch: Path,
    ) -> None:
        """Write the objects of a slide, whose planes and labels are open."""
        found = analysis.measures.slide
        contours = []
        for number, level in enumerate(self.contours):
            work = scratch / f"contour-{number}"
            work.mkdir()
            contour = find_contour(found.pred, level, found.pixel_size_um, work, tissue)
            if contour is None:
                logger.warning(f"{slide.name}: no area reaches --contours {level:g}")
            else:
                contours.append(contour)
        self._write(slide, prediction, analysis, contours, nuclei)

    def _write(
        self,
        slide: RunSlide,
        prediction: Path | None,
        analysis: SlideAnalysis,
        contours: Sequence[Contour],
        nuclei: Spool,
    ) -> None:
        measured_um = analysis.measures.slide.pixel_size_um
        with open_slide(slide.path, z=self.data.z) as opened:
            info = opened.info
        size = recorded_pixel_size(info, slide.pixel_size_um)
        scale = 1.0 if same_pixel_size(measured_um, size) else measured_um / size
        self.folder.mkdir(exist_ok=True)
        file = self.folder / f"{file_stem(slide.name)}.geojson"
        objects = SlideObjects(
            analysis, self.data.target, contours, nuclei, scale, info.height, info.width
        )
        write_features(objects, file)
        image, per_px = slide.path, 1.0
        if prediction is not None and combined_path(prediction).exists():
            # with the prediction as a channel, on its pixels
            image, per_px = combined_path(prediction), 1 / scale
        self.done.append(ScriptSlide(slide.name, image.absolute(), file.name, per_px))

    def finish(self) -> None:
        """Write the script that imports what was added."""
        text = import_script(self.final.absolute(), self.done)
        (self.folder / SCRIPT).write_text(text, encoding="ascii")


def with_outlines(
    anatomy: Anatomy, inputs: SlideInputs, config: SpatialConfig, outlines: Spool
) -> Anatomy:
    """An anatomy whose nuclei leave their outlines behind when they are measured."""
    if anatomy.nuclei is None:
        return anatomy
    least = least_nucleus(config, inputs.pixel_size_um)
    return replace(anatomy, nuclei=OutlinedNuclei(anatomy.nuclei, least, outlines))


def checked_contours(levels: Sequence[float]) -> tuple[float, ...]:
    """Grey levels of contours, each once, from low to high.

    Raises:
        UsageError: one is not finite.
    """
    if not np.isfinite(levels).all():
        raise UsageError("--contours: give grey levels, such as 5,10,20")
    return tuple(sorted(set(map(float, levels))))


def refuse_unreached(contours: Sequence[float], range_: Extremes) -> None:
    """Refuse contours that no slide has.

    Raises:
        UsageError: one lies outside the data.
    """
    for level in contours:
        if not range_.low <= level <= range_.high:
            raise UsageError(
                f"--contours {level:g}: outside the data, which go from {range_.low:.4g} to "
                f"{range_.high:.4g} grey levels"
            )
