"""Fit the vessels of a slide with a measured target, and write what was found."""

import json
import logging
import math
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from hrpn_tf._version import __version__
from hrpn_tf.config import Config, load_config
from hrpn_tf.errors import (
    ConstantChannelError,
    NoTissueError,
    SlideNotFoundError,
    UsageError,
)
from hrpn_tf.evaluation import MaskPlane
from hrpn_tf.evaluation.analysis.files import PARQUET, table_writers
from hrpn_tf.evaluation.permeability.report import write_permeability
from hrpn_tf.evaluation.permeability.result import FittedSlide
from hrpn_tf.evaluation.planes import Plane
from hrpn_tf.evaluation.spatial.components import Components
from hrpn_tf.evaluation.spatial.intensity import extremes
from hrpn_tf.evaluation.spatial.vessels import find_stain
from hrpn_tf.extras import require
from hrpn_tf.files import atomic_path, refuse_existing, refuse_lost_inputs
from hrpn_tf.kinds import refuse_other_kind
from hrpn_tf.progress import Progress
from hrpn_tf.runs.slides import RunSlide
from hrpn_tf.slides.names import slide_name
from hrpn_tf.text import printable
from hrpn_tf.workflows.evaluate.measured_slides import opened_roles, tissue_plane
from hrpn_tf.workflows.evaluate.spatial_anatomy import (
    SlideInputs,
    refuse_no_vessels,
    vessels_of,
)
from hrpn_tf.workflows.evaluate.spatial_inputs import SpatialFiles
from hrpn_tf.workflows.permeability.options import PermeabilityOptions
from hrpn_tf.workflows.permeability.slide_fit import (
    LONGEST_CELLS,
    FitSettings,
    fit_slide,
    steps_of,
)
from hrpn_tf.workflows.permeability.windows import CORE_PX, Section, grown_tissue

logger = logging.getLogger(__name__)

ALLOWED = ("spatial.", "evaluation.", "data.")


@dataclass(frozen=True)
class Fitted:
    """A written fit.

    Attributes:
        folder: of table, values, page and figures.
        slide: what was fitted.
    """

    folder: Path
    slide: FittedSlide


def fit_permeability(
    path: Path,
    out: Path,
    *,
    options: PermeabilityOptions | None = None,
    overwrite: bool = False,
    progress: bool = True,
) -> Fitted:
    """Fit the strength of each vessel of a slide that explains its measured target.

    Args:
        path: slide with the inputs and the measured target.
        out: folder to write.
        options: what is fitted, and how.
        overwrite: replace an existing folder.
        progress: report the progress; see ``hrpn_tf.progress``.

    Raises:
        MissingPackageError: the extra ``simulate`` is not installed.
        UsageError, SlideNotFoundError: there is no such slide, or an option makes no sense.
        UnknownChannelError: the slide has no such channel.
        PixelSizeError: the slide states no pixel size.
        ConstantChannelError: the target is the same everywhere.
        SlideMismatchError, MaskError: the vessel mask is of another size.
        VesselsError: a slide without vessel, or with nothing else.
        NoTissueError: a slide without tissue.
        NonFinitePixelsError: NaN or infinite pixels.
        OutputExistsError: the folder exists, and ``overwrite`` is false.

    Example:
        >>> fit_permeability(Path("a.ome.tif"), Path("fit")).folder  # doctest: +SKIP
        PosixPath('fit')
    """
    require("permeability", "pyamg", "threadpoolctl", "cv2")
    options = options or PermeabilityOptions()
    refuse_existing(out, overwrite)
    writers = table_writers(options.parquet)
    config = _config(options)
    _check(path, options, config)
    masks = SpatialFiles(vessel_mask=options.vessel_mask).paths([slide_name(path)])
    refuse_lost_inputs(out, (path, *masks))
    with atomic_path(out, overwrite) as folder:
        folder.mkdir()
        with tempfile.TemporaryDirectory(prefix=".", dir=folder) as scratch:
            found = fit_path(path, config, options, Path(scratch), progress)
        origin = {
            "made_by": f"hrpn-tf {__version__} permeability",
            "file": printable(path.name),
            "settings": config.spatial.model_dump(mode="json"),
        }
        write_permeability(found, folder, writers, origin)
    _warn(found)
    if ".parquet" not in writers and options.parquet is None:
        logger.info(PARQUET)
    return Fitted(out, found)


def fit_path(
    path: Path, config: Config, options: PermeabilityOptions, scratch: Path, progress: bool
) -> FittedSlide:
    """Fit a slide, without writing anything but labels.

    Args:
        path: slide.
        config: that names inputs and target.
        options: of the fit.
        scratch: an existing folder, for labels.
        progress: report the progress.
    """
    with opened_section(path, config, options, scratch) as (section, source):
        settings = FitSettings(config.data.target, source, options.length_um, options.plasma_level)
        title = "fit vessels"
        with Progress(title, steps_of(section), "window", shown=progress) as bar:
            return fit_slide(section, settings, lambda: bar.update())


@contextmanager
def opened_section(
    path: Path, config: Config, options: PermeabilityOptions, scratch: Path
) -> Iterator[tuple[Section, str]]:
    """A slide as the fit sees it, and where its vessels come from."""
    channels = {**config.data.channels, **options.channels}
    size = options.pixel_size_um or config.data.pixel_size_um
    name = slide_name(path)
    slide = RunSlide(name, path, name, "other", channels, size)
    files = SpatialFiles(vessel_mask=options.vessel_mask)
    with opened_roles(slide, config, target=True) as roles, ExitStack() as stack:
        target = roles.planes[config.data.target]
        refuse_constant(target, f"{path}: {config.data.target}")
        files.check((slide,))
        inputs = SlideInputs(slide, roles.planes, roles.opened, roles.pixel_size_um)
        tissue = tissue_plane(roles.opened, slide, roles.pixel_size_um, config)
        if isinstance(tissue, MaskPlane) and not tissue.mask.any():
            raise NoTissueError(
                f"{path}: no tissue is found on it; lower it with --set data.tissue.KEY=VALUE, or "
                "count all pixels with --set data.tissue.method=all"
            )
        vessels, source = vessels_of(inputs, config, files, scratch, stack)
        yield section_of(inputs, config, tissue, vessels, options), source


def refuse_constant(target: Plane, where: str) -> None:
    """Refuse a target that is the same everywhere.

    Raises:
        ConstantChannelError: says where, and what to do.
    """
    range_ = extremes(target)
    if range_.low == range_.high:
        raise ConstantChannelError(
            f"{where} is {range_.low:g} everywhere; nothing leaked, or it is not the measured "
            "channel: name that with --target, or --channel ROLE=NAME"
        )


def section_of(
    inputs: SlideInputs,
    config: Config,
    tissue: Plane | None,
    vessels: Components,
    options: PermeabilityOptions,
) -> Section:
    """A slide with its vessels, set up for the fit.

    Args:
        inputs: planes of the inputs and of the measured target.
        config: that names them.
        tissue: coarse mask; None for all pixels.
        vessels: of the slide.
        options: of the fit.
    """
    target = inputs.planes[config.data.target]
    largest_um = min(CORE_PX, target.height, target.width) * inputs.pixel_size_um
    if options.cell_um > largest_um:
        raise UsageError(
            f"--cell {options.cell_um:g}: larger than the slide or a window of it, {largest_um:g} "
            "um; the usual cell has 4 um"
        )
    stained = inputs.planes.get(config.evaluation.vessel_role)
    glass = None
    if stained is not None and tissue is not None:
        dark = find_stain(stained, config.spatial).dark
        glass = None if dark is None else (stained, dark)
    return Section(
        name=inputs.slide.name,
        target=target,
        inputs={role: inputs.planes[role] for role in config.data.inputs},
        tissue=tissue if glass is None else grown_tissue(tissue),
        glass=glass,
        vessels=vessels,
        pixel_size_um=inputs.pixel_size_um,
        cell_um=options.cell_um,
        piece_um=options.piece_um,
    )


def _config(options: PermeabilityOptions) -> Config:
    for override in options.overrides:
        if not override.startswith(ALLOWED):
            raise UsageError(
                f"--set {override}: only spatial.*, evaluation.* and data.* can be changed"
            )
    overrides = list(options.overrides)
    if options.target is not None:
        overrides.append(f"data.target={json.dumps(options.target)}")  # else a number, or a mapping
    return load_config(options.config, overrides=overrides)


def _check(path: Path, options: PermeabilityOptions, config: Config) -> None:
    """Check the request before anything is read."""
    positive = {
        "--length": options.length_um,
        "--cell": options.cell_um,
        "--piece": options.piece_um,
        "--plasma-level": options.plasma_level,
        "--pixel-size": options.pixel_size_um,
    }
    for name, value in positive.items():
        if value is not None and not (math.isfinite(value) and value > 0):
            raise UsageError(f"{name} {value:g}: give a number above 0")
    if options.length_um is not None and options.length_um < 2 * options.cell_um:
        raise UsageError(
            f"--length {options.length_um:g}: less than two cells of {options.cell_um:g} um; give "
            "a smaller --cell"
        )
    if options.length_um is not None and options.length_um > LONGEST_CELLS * options.cell_um:
        raise UsageError(
            f"--length {options.length_um:g}: more than {LONGEST_CELLS} cells of "
            f"{options.cell_um:g} um; give a larger --cell"
        )
    if not os.path.lexists(path):
        raise SlideNotFoundError(f"{path}: no such slide")
    refuse_other_kind(path, "slide")
    refuse_no_vessels(config, SpatialFiles(vessel_mask=options.vessel_mask), "permeability")


def _warn(found: FittedSlide) -> None:
    """What the reader of a result must know, a line each."""
    if not found.leaky.any():
        logger.warning(
            f"{found.name}: no vessel is shown to leak, so strengths have no reference and are "
            "empty; the flows are there"
        )
    if not found.length.converged:
        logger.warning(
            f"{found.name}: the slide does not determine the diffusion length, or it lies outside "
            f"of what cells of {found.cell_um:.3g} um can tell; state it with --length, or change "
            "--cell"
        )
    if found.explained < 0.5:
        logger.warning(
            f"{found.name}: leakage from the vessels explains {found.explained:.2f} of the "
            "variance of the target; strengths of such a slide say little"
        )
