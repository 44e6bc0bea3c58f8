"""Find the network that a training starts from, and refuse one that does not fit the patches."""

import logging
from pathlib import Path
from typing import Any

from hrpn_tf.config import Config
from hrpn_tf.data.simulated import read_dataset
from hrpn_tf.data.splits import Split
from hrpn_tf.data.store import PatchStore
from hrpn_tf.errors import ConfigError, HrpnError, RunError, StartError
from hrpn_tf.models.build import build_model
from hrpn_tf.models.presets import find_preset
from hrpn_tf.models.versions import versions_of
from hrpn_tf.runs.agreement import refuse_other_pixel_size
from hrpn_tf.runs.configuration import read_config
from hrpn_tf.runs.folder import CHECKPOINTS, START
from hrpn_tf.runs.source import Source, find_source
from hrpn_tf.runs.writing import dataset_record, read_record, recorded_dataset
from hrpn_tf.training.checkpoints import list_checkpoints

logger = logging.getLogger(__name__)


def find_start(config: Config, run: Path, *, overwrite: bool) -> tuple[Config, Source | None]:
    """The configuration with all that the start of a training decides, and this start.

    The preset is that of the network that the training starts from, unless the user set another.
    A training that is resumed needs neither ``training.start`` nor the network itself: its
    checkpoints hold all.

    Args:
        config: as given.
        run: the run folder, which may be there.
        overwrite: it is replaced.

    Returns:
        The source is None for random weights, and where a checkpoint is resumed.

    Raises:
        ConfigError: something is to be frozen, but the training starts from random weights.
        RunError: the run was begun from another network.
        StartError: the network states no preset, or the run is to replace it.
        HrpnError, BundleError: see :func:`~hrpn_tf.runs.source.find_source`.
    """
    given = config.training.start
    recorded = None if overwrite else recorded_start(run)
    if recorded is not None and "start" not in config.training.model_fields_set:
        config = begun_from(config, run) or config
        given = config.training.start
    if given is None:
        if config.training.freeze is not None:
            raise ConfigError(
                "training.freeze: a network with random weights has nothing to keep; name the one "
                "to start from with --from"
            )
        return config, None
    resumed = recorded is not None and bool(list_checkpoints(run / CHECKPOINTS))
    if recorded is not None and resumed and given == recorded["path"]:
        return _with_preset(config, recorded["preset"], given), None
    source = find_source(given)
    if recorded is not None:
        _refuse_other_start(run, source, recorded)
    replaced = overwrite and _is_within(source.name, run)  # a bundle may lie in the run
    if Path(source.name) == run.resolve() or replaced:
        raise StartError(f"{given}: the training would replace what it starts from; name another "
                         "--out")  # fmt: skip
    name = source.name if recorded is None else recorded["path"]
    return _with_preset(config, _preset_of(source, config), name), None if resumed else source


def recorded_start(run: Path) -> dict[str, Any] | None:
    """What a run says of the network that it started from; None for none, or for no run.

    Raises:
        RunError: the file is damaged.
    """
    if not (run / START).is_file():
        return None
    record = read_record(run, START)
    if not all(isinstance(record.get(key), str) for key in ("path", "sha256", "preset")):
        raise RunError(f"{run}: {START} is damaged; fit again with --overwrite")
    return record


def begun_from(config: Config, run: Path) -> Config | None:
    """The configuration with what a run records of its start, where the user says nothing.

    Returns:
        None if there is no run, or one that started from random weights.

    Raises:
        RunError, ConfigError: the run is damaged.
    """
    if recorded_start(run) is None:
        return None
    begun = read_config(run)
    own: dict[str, Any] = {"start": begun.training.start}
    if "freeze" not in config.training.model_fields_set:
        own["freeze"] = begun.training.freeze
    config = config.model_copy(update={"training": config.training.model_copy(update=own)})
    if "preset" in config.model.model_fields_set:
        return config
    return config.model_copy(update={"model": begun.model})


def refuse_unfit(
    source: Source, config: Config, store: PatchStore, split: Split, *, shown: bool
) -> None:
    """Refuse a network that does not fit the patches, or that knows slides held back here.

    Args:
        source: the network.
        config: resolved.
        store: of the patches.
        split: of its groups.
        shown: warn of what is not known.

    Raises:
        PixelSizeError: it was trained at another pixel size.
        StartError: it is a mean of several, or was trained on slides that are held back here.
    """
    if source.members > 1:
        raise StartError(
            f"{source.name}: the mean of {source.members} networks; start from one of them, and "
            "let the mean teach (--teacher)"
        )
    trained = None if source.contract is None else source.contract.pixel_size_um
    warnings = refuse_known(source, store, split)
    if trained is None:
        warnings.append(
            f"{source.name} does not state the pixel size of its training; it must be close to "
            f"{store.pixel_size_um:g} um/px"
        )
    else:
        tolerance = config.training.start_tolerance
        refuse_other_pixel_size(source.name, trained, store.pixel_size_um, tolerance)
    for warning in warnings if shown else ():
        logger.warning(warning)


def _preset_of(source: Source, config: Config) -> str:
    """The preset of a network; an earlier version of it, if its layers are those of that.

    A preset may have been changed since, and its former layers kept under a name such as
    ``NAME-v1``. A run of that time still says ``NAME``.
    """
    if "preset" in config.model.model_fields_set:
        return config.model.preset
    stated = source.preset
    versions = () if stated is None else versions_of(stated)
    if stated is not None and len(versions) < 2:
        return stated
    network = source.load()
    versions = versions_of(network.name) if stated is None else versions
    shapes = [tuple(weight.shape) for weight in network.weights]
    inputs, outputs = (ends[0].shape[-1] or 1 for ends in (network.inputs, network.outputs))
    for name in versions:
        built = build_model(name, inputs=inputs, outputs=outputs)
        if [tuple(weight.shape) for weight in built.weights] == shapes:
            return name
    return stated or network.name


def _with_preset(config: Config, preset: str, start: str) -> Config:
    """The configuration with the start, and with its preset unless the user set another."""
    training = config.training.model_copy(update={"start": start})
    config = config.model_copy(update={"training": training})
    if "preset" in config.model.model_fields_set:
        return config
    try:
        find_preset(preset)
    except ConfigError as error:
        raise StartError(f"{start}: {error}; name its preset with --preset") from None
    return config.model_copy(update={"model": config.model.model_copy(update={"preset": preset})})


def _refuse_other_start(run: Path, source: Source, recorded: dict[str, Any]) -> None:
    if source.sha256 != recorded["sha256"]:
        raise RunError(
            f"{run}: was begun from {recorded['path']}, and {source.name} is another network now; "
            "leave out --from to resume, or give --overwrite to begin again, or another --out"
        )


def refuse_known(source: Source, store: PatchStore, split: Split) -> list[str]:
    """Refuse a start that learnt from slides that are held back here.

    Groups of two studies may well have the same name, so the name alone is no proof.

    Returns:
        A warning for each case that is not known.

    Raises:
        StartError: it is the same slide.
    """
    if source.simulated or not source.subsets:
        return source.doubts()
    known, warnings = _known_slides(source, store), []
    for group, held, used in split.seen_by(source.subsets):
        if known and known & {_place(slide.path) for slide in store.slides([group])}:
            raise StartError(
                f"{source.name} used {group} for {used}, and it is a {held} group here, so "
                "that its metrics would be optimistic; give both the same data.split"
            )
        warnings.append(
            f"{source.name} used a group of the name {group} for {used}, and it is a {held} "
            "group here; if it is the same animal, its metrics are optimistic"
        )
    return warnings


def _known_slides(source: Source, store: PatchStore) -> set[str] | None:
    """The files of the slides that a run was trained on; None if they are not known."""
    if source.run is None:
        return None
    try:
        if recorded_dataset(source.run.folder).get("sha256") == dataset_record(store)["sha256"]:
            return {_place(slide.path) for slide in store.manifest.slides}
        return {_place(slide.path) for slide in read_dataset(source.run.patch_dataset)[0].slides}
    except HrpnError:  # imported weights; a dataset that is gone
        return None


def _is_within(name: str, folder: Path) -> bool:
    """Whether a start is a file or folder in a folder; those of the package have a name only."""
    path = Path(name)
    return path.is_absolute() and path.is_relative_to(folder.resolve())


def _place(path: str) -> str:
    return str(Path(path).absolute())
