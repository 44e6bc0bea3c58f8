"""A predicted slide together with its inputs, in one file that viewers show without a click."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hrpn_tf.errors import HrpnError, OutputExistsError
from hrpn_tf.prediction.frame import open_frame
from hrpn_tf.prediction.output import FILE_SUFFIXES
from hrpn_tf.slides import open_slide, read_provenance
from hrpn_tf.slides.combined import CombinedPlanes, Part
from hrpn_tf.slides.description import ChannelDisplay, SlideDescription
from hrpn_tf.slides.display import display_range, input_colours, prediction_displays
from hrpn_tf.slides.tiff.writer import write_ome_tiff
from hrpn_tf.slides.zarr.writer import write_ome_zarr
from hrpn_tf.workflows.predict.job import SlideJob
from hrpn_tf.workflows.predict.omero import settings_path, write_settings

if TYPE_CHECKING:
    from hrpn_tf.slides import SlideInfo

FOLDER = "with-inputs"
SHOWN = "display"  # key of the provenance

logger = logging.getLogger(__name__)


def combined_path(prediction: Path) -> Path:
    """Where a prediction lies together with its inputs.

    >>> combined_path(Path("run/predictions/a.ome.tif"))
    PosixPath('run/predictions/with-inputs/a.ome.tif')
    """
    return prediction.parent / FOLDER / prediction.name


def refuse_existing_combined(jobs: Sequence[SlideJob], overwrite: bool) -> None:
    """Refuse before anything is predicted what could not be written at the end.

    Raises:
        OutputExistsError: a combined file is there, and ``overwrite`` is false.
    """
    for job in jobs:
        if not overwrite and (path := combined_path(job.out)).exists():
            raise OutputExistsError(
                f"{path} exists, but not its prediction {job.out.name}; give --overwrite to "
                "replace it"
            )


def write_combined(
    jobs: Sequence[SlideJob], overwrite: bool
) -> Iterator[tuple[SlideJob, Exception | None]]:
    """Write each predicted slide with its inputs; one that fails does not stop the others.

    Args:
        jobs: slides whose prediction is there.
        overwrite: whether an existing file may be replaced.
    """
    for job in jobs:
        try:
            with_inputs(job, overwrite)
        except (HrpnError, OSError) as error:
            yield job, error
        else:
            yield job, None


def with_inputs(job: SlideJob, overwrite: bool) -> Path:
    """Write the inputs, the prediction and its bounds as channels of one slide.

    Inputs are on the pixels of the prediction: its region and its pixel size. Names, colours and
    display ranges are in the metadata: in OME-Zarr where every viewer looks for them; OME-TIFF has
    a place for names and colours alone. Rendering settings for OMERO are written beside it. One
    that is there and of the same prediction is kept.

    Args:
        job: the slide, whose prediction is there.
        overwrite: whether an existing file may be replaced.

    Raises:
        OutputExistsError: a file of another prediction is there, and ``overwrite`` is false.
        HrpnError: the slide or the prediction cannot be read.
        DiskFullError: the disk filled up; nothing is left.
    """
    path, config = combined_path(job.out), job.config.prediction
    made_of = dict(read_provenance(job.out))
    if path.exists() and not overwrite:
        found = dict(read_provenance(path))
        found.pop(SHOWN, None)
        if found != made_of:
            raise OutputExistsError(
                f"{path} exists, of another prediction than {job.out.name}; give --overwrite to "
                "replace it"
            )
        if settings_path(path).exists():
            return path
        overwrite = True  # what lies beside it is missing
    with ExitStack() as stack:
        predicted = stack.enter_context(open_slide(job.out))
        slide = stack.enter_context(open_slide(job.slide, z=job.config.data.z))
        info, source = predicted.info, slide.info
        corner = (0, 0) if job.region is None else (job.region.y, job.region.x)
        parts = [
            Part(open_frame(slide, job.frame), job.channels, *corner),
            Part(predicted, tuple(range(len(info.channels)))),
        ]
        dtype = np.result_type(source.dtype, info.dtype)
        planes = CombinedPlanes(parts, info.height, info.width, dtype)
        display = _display(planes, job, info)
        names = (*_input_names(job), *(f"{name} (predicted)" for name in info.channels))
        description = SlideDescription(
            height=info.height,
            width=info.width,
            channels=names,
            dtype=dtype,
            pixel_size_um=info.pixel_size_um,
            provenance={**made_of, SHOWN: _stated(names, display)},
            position_um=info.position_um,
            display=display,
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        if job.out.suffix.lower() == FILE_SUFFIXES[-1]:
            version = config.format.rpartition("-")[2]
            write_ome_zarr(path, planes, description, version=version, overwrite=overwrite)
        else:
            write_ome_tiff(
                path, planes, description, compression=config.compression, overwrite=overwrite
            )
    write_settings(path, names, display)
    return path


def _display(
    planes: CombinedPlanes, job: SlideJob, predicted: "SlideInfo"
) -> tuple[ChannelDisplay, ...]:
    """Colours and ranges; bounds have the range of the prediction, and are hidden at first."""
    colours = input_colours(tuple(job.channel_names))
    inputs = [
        ChannelDisplay(colour, *display_range(planes, index))
        for index, colour in enumerate(colours)
    ]
    limits = display_range(planes, len(inputs))
    return (*inputs, *prediction_displays(len(predicted.channels), limits))


def _input_names(job: SlideJob) -> list[str]:
    """Names of the inputs: the role, and the channel's own name where it is another."""
    return [
        role if name.casefold() == role.casefold() else f"{role} ({name})"
        for role, name in job.channel_names.items()
    ]


def _stated(names: Sequence[str], display: Sequence[ChannelDisplay]) -> dict[str, object]:
    return {
        name: {"colour": one.colour, "range": [one.low, one.high]}
        for name, one in zip(names, display, strict=True)
    }
