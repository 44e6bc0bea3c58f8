"""The folder of weights, made from a run or a bundle."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from hrpn_tf._version import __version__
from hrpn_tf.config import Config, to_yaml
from hrpn_tf.errors import WeightsError
from hrpn_tf.files import atomic_path, refuse_existing, sha256
from hrpn_tf.kinds import kind_of
from hrpn_tf.runs import folder as names
from hrpn_tf.runs.source import Source, find_source
from hrpn_tf.weights import MANIFEST, SIMULATIONS, SLIDES, WeightsEntry, checked_name
from hrpn_tf.workflows.pack_weights.about import Training, data_description, model_card, training_of
from hrpn_tf.workflows.pack_weights.half import store_in_half

_DATA, _CARD = "data.json", "card.md"


@dataclass(frozen=True)
class Packing:
    """What weights state besides what their run does.

    Attributes:
        description: one line.
        licence: of the weights.
        pixel_sizes_um: finest and coarsest pixel size of slides that they are made for, um; None
            for that of the training alone.
        simulated: whether they were trained on simulations alone; None for what the run says.
        evaluation: folder that ``hrpn-tf evaluate`` wrote; None for that of the run, if any.
        half: store kernels in float16 where that is as good.
    """

    description: str
    licence: str = "Apache-2.0"
    pixel_sizes_um: tuple[float, float] | None = None
    simulated: bool | None = None
    evaluation: Path | None = None
    half: bool = True


def pack_weights(
    source: Path, name: str, root: Path, packing: Packing, *, overwrite: bool = False
) -> WeightsEntry:
    """Write the folder of weights, ``ROOT/NAME``, from a run or a bundle.

    Args:
        source: run folder, or bundle with a Keras model.
        name: of the weights.
        root: folder of all weights.
        packing: what they state.
        overwrite: replace weights of this name.

    Returns:
        What is known of them.

    Raises:
        UsageError: the name is none.
        NoNetworkError: there is no network, or a bundle without a Keras model.
        WeightsError: the network cannot become weights.
        OutputExistsError: they are there, and ``overwrite`` is false.

    Example:
        >>> pack_weights(
        ...     Path("run"), "my-network", Path("weights"), Packing("of our scanner")
        ... ).preset  # doctest: +SKIP
        'hrpn-m'
    """
    final = root / checked_name(name)
    refuse_existing(final, overwrite)
    found = find_source(source)
    _refuse_unfit(found)
    config = _config(found, source)
    training = training_of(found.run, packing.evaluation)
    with atomic_path(final, overwrite) as folder:
        folder.mkdir()
        _write_network(folder, found, config, packing.half)
        entry = _entry(folder, name, found, training, packing)
        described = data_description(config, training, entry.trained_on)
        (folder / _DATA).write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
        (folder / _CARD).write_text(model_card(entry, training), encoding="utf-8")
        entry = _with_checksums(folder, entry)
        text = json.dumps(entry.to_json(), indent=2) + "\n"
        (folder / MANIFEST).write_text(text, encoding="utf-8")
    return entry


def _refuse_unfit(found: Source) -> None:
    """Refuse a network that says too little of itself, or that cannot be trained further.

    Raises:
        WeightsError: says why.
    """
    if found.members > 1:
        raise WeightsError(
            f"{found.name}: the mean of {found.members} networks, from which no training can "
            "start; take one of them"
        )
    if found.contract is None or found.preset is None:
        raise WeightsError(
            f"{found.name}: does not state its channels and preset; take the run or the bundle"
        )
    if found.contract.pixel_size_um is None:
        raise WeightsError(f"{found.name}: does not state the pixel size of its training")


def _config(found: Source, source: Path) -> Config:
    """The configuration of the training, without paths of this machine."""
    if found.run is not None:
        config = found.run.config
    else:
        from hrpn_tf.workflows.networks.bundle import BundleNetwork

        assert kind_of(source) == "bundle" or source.suffix.lower() == ".zip"
        config = BundleNetwork(source).config(())
    training = config.training.model_copy(update={"start": None, "freeze": None, "teacher": None})
    return config.model_copy(update={"training": training})


def _write_network(folder: Path, found: Source, config: Config, half: bool) -> None:
    """Write what every run folder has, so that every command that takes a run takes it."""
    assert found.contract is not None
    network = found.load()
    if found.run is None:
        network.save(folder / names.BEST)
    else:  # so that the same run gives the same bytes: Keras numbers layers and notes the time
        shutil.copyfile(found.run.network_file(), folder / names.BEST)
    if half:
        store_in_half(folder / names.BEST, network, found.contract, config)
    (folder / names.CONTRACT).write_text(found.contract.to_json(), encoding="utf-8")
    (folder / names.CONFIG).write_text(to_yaml(config), encoding="utf-8")
    if found.run is not None and found.run.training_profile.is_file():
        shutil.copyfile(found.run.training_profile, folder / names.TRAINING_PROFILE)


def _entry(
    folder: Path, name: str, found: Source, training: Training, packing: Packing
) -> WeightsEntry:
    """What is known of the weights, with the checksums of the files so far.

    Raises:
        WeightsError: a value makes no sense.
    """
    contract, preset = found.contract, found.preset
    size = None if contract is None else contract.pixel_size_um
    assert contract is not None
    assert preset is not None
    assert size is not None
    simulated = training.simulated if packing.simulated is None else packing.simulated
    entry = WeightsEntry(
        name=name,
        preset=preset,
        inputs=contract.inputs,
        outputs=contract.outputs,
        pixel_size_um=size,
        pixel_sizes_um=packing.pixel_sizes_um or (size, size),
        trained_on=SIMULATIONS if simulated or found.simulated else SLIDES,
        licence=packing.licence,
        description=packing.description,
        figures=training.figures,
        file=names.BEST,
        files={},
        bytes=0,
        program=f"hrpn-tf {__version__}",
    )
    return WeightsEntry.from_json(_with_checksums(folder, entry).to_json(), name)


def _with_checksums(folder: Path, entry: WeightsEntry) -> WeightsEntry:
    files = {path.name: path for path in sorted(folder.iterdir())}
    values = {
        **entry.to_json(),
        "files": {name: sha256(path) for name, path in files.items()},
        "bytes": sum(path.stat().st_size for path in files.values()),
    }
    return WeightsEntry.from_json(values, entry.name)
