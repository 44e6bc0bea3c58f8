"""Simulated slides, and patch datasets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from hrpn_tf.api.arguments import (
    ConfigArgument,
    PathArgument,
    ProgressArgument,
    path_of,
    slide_path,
    work,
)
from hrpn_tf.api.result import Result
from hrpn_tf.api.show import Table, table_html


@dataclass(frozen=True, repr=False)
class SimulationResult(Result):
    """Simulated slides.

    Attributes:
        slide_list: the slide list, ``slides.csv``.
        slides: paths of the slides.
        table: per slide: ``slide``, ``group``, ``target_sd`` (standard deviation of the target,
            grey levels), ``error_floor`` (lowest mean squared error that any function of the
            inputs can reach, grey levels^2), ``best_r2`` (the same as R2).
        seconds: wall time of the call.
    """

    slide_list: Path
    slides: tuple[Path, ...]
    table: Table
    seconds: float

    @property
    def _location(self) -> Path:
        return self.slide_list

    def _facts(self) -> Mapping[str, object]:
        return {"slides": len(self.slides), "seconds": self.seconds}

    def _details(self) -> str:
        return table_html(self.table)


@dataclass(frozen=True, repr=False)
class InitResult(Result):
    """What :func:`init` proposes for a folder of images.

    Attributes:
        slide_list: the main slide list, ``slides.csv``.
        slide_lists: this and those of slides that do not fit the others.
        config: the configuration, ``hrpn.yaml``.
        page, sheet: the contact sheet, HTML and PNG.
        patch: side of a patch, px.
        tissue: method that separates tissue from background.
        warnings: what could not be read, and what is in doubt, one line each.
        table: per slide that is listed: ``slide``, ``group``, ``list``, and the channel's index of
            each role.
        seconds: wall time of the call.
    """

    slide_list: Path
    slide_lists: tuple[Path, ...]
    config: Path
    page: Path
    sheet: Path
    patch: int
    tissue: str
    warnings: tuple[str, ...]
    table: Table
    seconds: float

    @property
    def _location(self) -> Path:
        return self.slide_list

    def _facts(self) -> Mapping[str, object]:
        return {
            "slides": len(self.table),
            "in doubt": len(self.warnings),
            "patch": f"{self.patch} px",
            "tissue": self.tissue,
            "seconds": self.seconds,
        }

    def _details(self) -> str:
        return table_html(self.table)


@dataclass(frozen=True, repr=False)
class PreparationResult(Result):
    """A patch dataset.

    Attributes:
        folder: of the patch dataset.
        patches: number of patches.
        patch: side of a patch, px.
        channels: roles of the channels: the inputs in order, then the target.
        pixel_size_um: um per pixel.
        table: per slide: ``slide``, ``group``, ``height`` and ``width`` (px), ``pixel_size_um``,
            ``tissue`` (share of the slide, 0 to 1), ``patches``.
        seconds: wall time of the call.
    """

    folder: Path
    patches: int
    patch: int
    channels: tuple[str, ...]
    pixel_size_um: float
    table: Table
    seconds: float

    @property
    def _location(self) -> Path:
        return self.folder

    def _facts(self) -> Mapping[str, object]:
        return {
            "patches": self.patches,
            "patch": f"{self.patch} px",
            "channels": " ".join(self.channels),
            "pixel size": f"{self.pixel_size_um:.3g} um",
            "seconds": self.seconds,
        }

    def _details(self) -> str:
        return table_html(self.table)


def simulate(
    out: PathArgument,
    config: ConfigArgument = None,
    *,
    overwrite: bool = False,
    progress: ProgressArgument = None,
) -> SimulationResult:
    """Make slides whose truth is known: a physical simulation of tumour sections.

    Each slide has the channels vessels, nuclei and target, uint8 or uint16 grey levels, and comes
    with its concentration, vessel mask and lowest reachable error. Called again after an
    interruption, it makes the slides that are missing.

    Args:
        out: folder to create or to complete.
        config: configuration, path of a YAML file, name of a recipe, or values; the section
            ``simulation`` is used: number of slides and groups, size (px), pixel size (um).
        overwrite: replace simulated slides that are there.
        progress: True for progress bars, or a function that is called with updates.

    Raises:
        ConfigError: a key is unknown, or a value is out of range.
        RunError: ``out`` holds slides of another configuration.
        OutputExistsError: ``out`` holds something else.
        DiskFullError: the disk filled up.

    Example:
        >>> import hrpn_tf as ht
        >>> small = {"slides": 4, "groups": 4, "height": 160, "width": 160, "pixel_size_um": 1}
        >>> simulated = ht.simulate("slides", {"simulation": {**small, "floor_draws": 3}})
        >>> len(simulated.slides), simulated.table[0]["slide"], simulated.slide_list.name
        (4, 'slide-001', 'slides.csv')
    """
    from hrpn_tf.config import load_config
    from hrpn_tf.data.slide_list import read_slide_list
    from hrpn_tf.simulation.cohort import read_reports, simulate_cohort

    loaded, folder = load_config(config), path_of(out)
    with work(progress) as now:
        slide_list = simulate_cohort(loaded.simulation, folder, overwrite)
    entries = read_slide_list(slide_list, loaded.data)
    reports = dict(read_reports(loaded.simulation, folder))
    return SimulationResult(
        slide_list,
        tuple(entry.path for entry in entries),
        tuple(
            {
                "slide": entry.name,
                "group": entry.group,
                "target_sd": found["target_variance"] ** 0.5,
                "error_floor": found["error_floor"],
                "best_r2": found["explainable_r2"],
            }
            for entry in entries
            for found in [reports[entry.name]["errors"]["slide"]]
        ),
        now.seconds,
    )


def init(
    folder: PathArgument,
    out: PathArgument = ".",
    config: ConfigArgument = None,
    *,
    channels: Mapping[str, str | int] | None = None,
    pixel_size: float | None = None,
    overwrite: bool = False,
    progress: ProgressArgument = None,
) -> InitResult:
    """Propose a slide list and a configuration for the images in a folder.

    Writes ``slides.csv``, ``hrpn.yaml`` and a contact sheet (``contact-sheet.html``, ``.png``) with
    thumbnails, tissue outlines and what is in doubt. Check it before you go on.

    Args:
        folder: with the images, also in subfolders.
        out: folder to write to.
        config: where the proposal starts: configuration, path of a YAML file, name of a recipe, or
            values.
        channels: name or index of the channel of a role in every slide, e.g. ``{"qd": "Cy5"}``.
        pixel_size: um per pixel, for slides whose files state none.
        overwrite: replace files that are there.
        progress: True for progress bars, or a function that is called with updates.

    Raises:
        SlideNotFoundError: no such folder, or no image in it.
        NoSlidesListedError: no image has the channels that are needed; see the contact sheet.
        OutputExistsError: a file is there, and ``overwrite`` is false.

    Example:
        >>> import hrpn_tf as ht
        >>> found = ht.init("slides", "start")
        >>> len(found.table), found.tissue, found.slide_list.name
        (4, 'otsu', 'slides.csv')
    """
    from hrpn_tf.config import load_config
    from hrpn_tf.workflows.init.init import InitOptions, init_folder

    loaded = load_config(config)
    options = InitOptions(channels or {}, pixel_size, overwrite=overwrite)
    with work(progress) as now:
        files = init_folder(path_of(folder), path_of(out), loaded, options)
    return InitResult(
        files.lists[0],
        files.lists,
        files.config,
        files.page,
        files.sheet,
        files.patch,
        files.tissue,
        files.warnings,
        tuple(
            {"slide": slide.name, "group": slide.group, "list": path.name, **slide.roles.channels}
            for one, path in zip(files.proposal.lists, files.lists, strict=True)
            for slide in one.slides
        ),
        now.seconds,
    )


def prepare(
    slides: PathArgument | Sequence[Mapping[str, object]],
    out: PathArgument,
    config: ConfigArgument = None,
    *,
    pixel_size: float | None = None,
    overwrite: bool = False,
    progress: ProgressArgument = None,
) -> PreparationResult:
    """Cut slides into a patch dataset.

    Called again after an interruption, it goes on with the first slide that is not finished.

    Args:
        slides: path of a slide list (CSV or YAML), or of a folder of slides, whose groups and
            channels are proposed as by :func:`init`; the result of :func:`simulate` or of
            :func:`init`; or one mapping per slide with ``slide`` (path or open slide), ``group``
            (usually the animal), and optionally ``name`` and one key per channel role, e.g.
            ``"vessels": "CD31"``.
        out: folder to create.
        config: configuration, path of a YAML file, name of a recipe, or values; the section
            ``data`` is used: roles, patch and stride (px), tissue, split.
        pixel_size: um per pixel, for slides whose files state none.
        overwrite: replace a patch dataset that is there.
        progress: True for progress bars, or a function that is called with updates.

    Raises:
        SlideListError, SlideNotFoundError: the list is damaged, or names a slide that is not there.
        UnknownChannelError: a slide has no channel of that name.
        PixelSizeError: a slide states no pixel size, or the slides differ too much.
        SlideTooSmallError, NoTissueError: a slide gives no patch.
        OutputExistsError: ``out`` exists, and ``overwrite`` is false.

    Example:
        >>> import hrpn_tf as ht
        >>> settings = {"data": {"patch": 64, "stride": 32, "tissue": {"method": "all"}}}
        >>> prepared = ht.prepare("slides/slides.csv", "patches", settings)
        >>> prepared.patches, prepared.patch, prepared.channels
        (64, 64, ('vessels', 'nuclei', 'qd'))
    """
    from hrpn_tf.config import load_config
    from hrpn_tf.data.building import build_store
    from hrpn_tf.data.slide_list import slide_entries
    from hrpn_tf.workflows.init.entries import entries_of

    stated = {} if pixel_size is None else {"data.pixel_size_um": pixel_size}
    data = load_config(config, stated).data
    with work(progress) as now:
        if isinstance(slides, str | PathLike):
            entries = entries_of([path_of(slides)], data, progress=True)
        else:
            entries = slide_entries([_with_path(row) for row in slides], data)
        store = build_store(entries, data, path_of(out), overwrite)
    return PreparationResult(
        store.path,
        len(store),
        store.patch,
        store.roles,
        store.pixel_size_um,
        tuple(
            {
                "slide": slide.name,
                "group": slide.group,
                "height": slide.height,
                "width": slide.width,
                "pixel_size_um": slide.pixel_size_um,
                "tissue": slide.tissue_share,
                "patches": len(slide.corners),
            }
            for slide in store.manifest.slides
        ),
        now.seconds,
    )


def _with_path(row: Mapping[str, object]) -> Mapping[str, object]:
    """A row whose slide is a path, where it may be an open slide."""
    slide = row.get("slide")
    if slide is None or isinstance(slide, str | PathLike):
        return row
    return {**row, "slide": slide_path(slide)}  # type: ignore[arg-type]
