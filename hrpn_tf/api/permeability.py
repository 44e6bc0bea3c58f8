"""How strongly each vessel leaks, from a slide with a measured target."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hrpn_tf.api.arguments import (
    PathArgument,
    ProgressArgument,
    SlideArgument,
    overrides_of,
    path_of,
    slide_path,
    work,
)
from hrpn_tf.api.result import Result, pictures_in
from hrpn_tf.api.show import Cell, Table, file_html

if TYPE_CHECKING:
    from hrpn_tf.evaluation.permeability.result import FittedSlide


@dataclass(frozen=True, repr=False)
class PermeabilityResult(Result):
    """The strength of each vessel that explains a measured target.

    Attributes:
        folder: of table, page and figures.
        vessels: one row per vessel, as in ``vessels.csv``.
        diffusion_length_um: sqrt(D / k), um.
        diffusion_length_interval_um: 95 %; None where the length was given.
        explained: share of the variance of the target that the fit explains.
        pictures: PNG files.
        seconds: wall time of the call.
    """

    folder: Path
    vessels: Table
    diffusion_length_um: float
    diffusion_length_interval_um: tuple[float, float] | None
    explained: float
    pictures: tuple[Path, ...]
    seconds: float

    @property
    def _location(self) -> Path:
        return self.folder

    def _facts(self) -> Mapping[str, object]:
        return {
            "vessels": len(self.vessels),
            "leaky": sum(bool(row["leaky"]) for row in self.vessels),
            "diffusion_length_um": self.diffusion_length_um,
            "explained": self.explained,
            "seconds": self.seconds,
        }

    def _details(self) -> str:
        return "".join(map(file_html, self.pictures[:1]))


def permeability(
    slide: SlideArgument,
    out: PathArgument,
    *,
    target: str | None = None,
    channels: Mapping[str, str | int] | None = None,
    vessel_mask: str | None = None,
    length_um: float | None = None,
    cell_um: float = 4.0,
    piece_um: float = 25.0,
    plasma_level: float | None = None,
    pixel_size_um: float | None = None,
    parquet: bool | None = None,
    config: str | None = None,
    settings: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    progress: ProgressArgument = None,
) -> PermeabilityResult:
    """Fit how strongly each vessel leaks, from a slide with a measured target.

    Strengths are ratios between the vessels of a slide. An absolute permeability takes dose,
    plasma concentration over time and the diffusion coefficient, which no picture holds.

    Args:
        slide: with the inputs and the measured target.
        out: folder to create.
        target: role of the measured channel; that of the configuration if None.
        channels: name or number of the channel of a role.
        vessel_mask: image with non-zero vessel pixels, walls and lumens.
        length_um: diffusion length, um; fitted if None.
        cell_um: side of a cell of the transport model, um.
        piece_um: distance of the pieces that long vessels are fitted in, um.
        plasma_level: grey level that the plasma concentration would have; adds P/D of each vessel.
        pixel_size_um: for slides whose files state none.
        parquet: also write Parquet; None where pyarrow is installed.
        config: file or recipe that names inputs and target.
        settings: keys of the sections ``spatial``, ``evaluation`` and ``data``.
        overwrite: replace a result that is there.
        progress: True for progress bars, or a function that is called with updates.

    Raises:
        UnknownChannelError: the slide has no such channel.
        PixelSizeError: the slide states no pixel size.
        ConstantChannelError: the target is the same everywhere.
        SlideMismatchError: the vessel mask is of another size.
        VesselsError, NoTissueError: a slide without vessels or tissue.
        OutputExistsError: the folder exists, and ``overwrite`` is false.

    Example:
        >>> import hrpn_tf as ht
        >>> fitted = ht.permeability("slides/slide-001.ome.tif", "fit")  # doctest: +SKIP
        >>> fitted.diffusion_length_um  # doctest: +SKIP
        23.3
    """
    from hrpn_tf.workflows.permeability.options import PermeabilityOptions
    from hrpn_tf.workflows.permeability.permeability import fit_permeability

    options = PermeabilityOptions(
        target=target,
        vessel_mask=vessel_mask,
        length_um=length_um,
        cell_um=cell_um,
        piece_um=piece_um,
        plasma_level=plasma_level,
        channels=dict(channels or {}),
        pixel_size_um=pixel_size_um,
        parquet=parquet,
        config=config,
        overrides=overrides_of(settings),
    )
    with work(progress) as now:
        found = fit_permeability(
            slide_path(slide), path_of(out), options=options, overwrite=overwrite
        )
    return _result(found.folder, found.slide, now.seconds)


def _result(folder: Path, slide: "FittedSlide", seconds: float) -> PermeabilityResult:
    columns = {name: column.tolist() for name, column in slide.table().items()}
    rows = zip(*columns.values(), strict=True)
    length = slide.length
    ends = None
    if length.lower_um is not None and length.upper_um is not None:
        ends = length.lower_um, length.upper_um
    return PermeabilityResult(
        folder,
        tuple(dict(zip(columns, map(_cell, row), strict=True)) for row in rows),
        length.um,
        ends,
        slide.explained,
        pictures_in(folder),
        seconds,
    )


def _cell(value: Any) -> Cell:
    """A value of a row; None where it is undefined."""
    return None if value != value else value
