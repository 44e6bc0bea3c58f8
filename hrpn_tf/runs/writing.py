"""Write a run folder: its files appear whole or not at all."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hrpn_tf.config import Config, to_yaml
from hrpn_tf.data.manifest import identity_file
from hrpn_tf.data.splits import Split
from hrpn_tf.data.store import PatchStore
from hrpn_tf.errors import RunError
from hrpn_tf.files import atomic_path, link_or_copy
from hrpn_tf.leftovers import clear_folder
from hrpn_tf.models.scaling import Scaling
from hrpn_tf.runs import folder as names
from hrpn_tf.runs.configuration import read_config
from hrpn_tf.text import csv_table
from hrpn_tf.untrusted import read_json

if TYPE_CHECKING:
    import keras
    from hrpn_export import Contract


def create_run(
    run: Path,
    *,
    config: Config,
    contract: "Contract",
    scaling: Scaling,
    split: Split,
    store: PatchStore,
    overwrite: bool,
    teacher: Mapping[str, str] | None = None,
    start: Mapping[str, Any] | None = None,
) -> None:
    """Create the run folder with everything but results; it appears complete or not at all.

    Args:
        run: the folder.
        config, contract, scaling, split, store: of the training.
        overwrite: replace another run.
        teacher: path and checksum of the network that teaches; None for none.
        start: the network that the training starts from, and what is taken of it; None for none.

    Raises:
        RunError: ``overwrite``, but what is there is no run folder.
        DiskFullError: the disk filled up.
    """
    if run.is_dir() and not any(run.iterdir()):
        run.rmdir()
    if overwrite:
        refuse_no_run(run)
    slides = {
        part: {"groups": groups, "slides": _slide_names(store, groups)}
        for part, groups in asdict(split).items()
    }
    with atomic_path(run, overwrite) as folder:
        folder.mkdir()
        _write_common(folder, config, contract)
        _write_json(folder / names.SCALING, scaling.to_json())
        _write_json(folder / names.SPLIT, slides)
        _write_json(folder / names.STORE, dataset_record(store))
        if teacher is not None:
            _write_json(folder / names.TEACHER, dict(teacher))
        if start is not None:
            _write_json(folder / names.START, dict(start))


def refuse_no_run(run: Path) -> None:
    """Refuse to replace what is not a run, since it is not ours.

    Raises:
        RunError: something is there, and it is neither a run folder nor an empty one.
    """
    is_empty = run.is_dir() and not any(run.iterdir())
    if run.exists() and not is_empty:
        read_config(run)


def create_imported_run(
    run: Path, *, config: Config, contract: "Contract", network: "keras.Model", overwrite: bool
) -> None:
    """Create a run folder of a network that was trained elsewhere.

    Raises:
        OutputExistsError: ``run`` exists and ``overwrite`` is false.
        RunError: ``overwrite``, but what is there is no run folder.
        DiskFullError: the disk filled up.
    """
    if overwrite:
        refuse_no_run(run)
    with atomic_path(run, overwrite) as folder:
        folder.mkdir()
        network.save(folder / names.BEST)
        _write_common(folder, config, contract)


def add_environment(run: Path, environment: Mapping[str, Any]) -> None:
    """Append to the environment: one entry per time that the training was started.

    Raises:
        RunError: what is there is damaged.
    """
    path = run / names.ENVIRONMENT
    starts = read_record(run, path.name).get("starts") if path.exists() else []
    if not isinstance(starts, list):
        raise RunError(f"{path}: damaged; fit again with --overwrite")
    with atomic_path(path, overwrite=True) as temporary:
        _write_json(temporary, {"starts": [*starts, environment]})


def publish(run: Path, network: Path, history: Sequence[Mapping[str, float | None]]) -> None:
    """Show a checkpoint's network and the history at the top of the run folder.

    Args:
        run: the folder.
        network: file of the best network so far.
        history: one row per finished epoch, after that of the start, if there is one.
    """
    with atomic_path(run / names.BEST, overwrite=True) as temporary:
        link_or_copy(network, temporary)
    with atomic_path(run / names.HISTORY, overwrite=True) as temporary:
        temporary.write_text(csv_table(history), encoding="utf-8")


def write_resources(run: Path, used: Mapping[str, float]) -> None:
    """Write what the training used so far."""
    with atomic_path(run / names.RESOURCES, overwrite=True) as temporary:
        _write_json(temporary, used)


def clear_leftovers(run: Path) -> None:
    """Remove what a killed training was writing."""
    for folder in (run, run / names.CHECKPOINTS):
        clear_folder(folder)


def dataset_record(store: PatchStore) -> dict[str, Any]:
    """Where a patch dataset is, its checksum, and the number of its slides if simulated."""
    manifest = identity_file(store.path).read_bytes()
    record = {"path": str(store.path.resolve()), "sha256": hashlib.sha256(manifest).hexdigest()}
    if store.simulated is None:
        return record
    return {**record, "simulated": store.simulated.record()}


def recorded_dataset(run: Path) -> dict[str, Any]:
    """What :func:`dataset_record` said when the run was made.

    Raises:
        RunError: the file is missing or damaged.
    """
    return read_record(run, names.STORE)


def read_record(run: Path, name: str) -> dict[str, Any]:
    """A JSON file of the run folder.

    Raises:
        RunError: it is missing or damaged.
    """
    if not (run / name).exists():
        raise RunError(
            f"{run}: {name} is missing or damaged; give another run, or fit it again with "
            "--overwrite"
        )
    try:
        values: Any = read_json(run / name, RunError)
    except RunError as error:
        raise RunError(f"{run}: {name} is damaged; fit again with --overwrite ({error})") from None
    if not isinstance(values, dict):
        raise RunError(f"{run}: {name} is damaged; fit again with --overwrite")
    return values


def _slide_names(store: PatchStore, groups: tuple[str, ...]) -> list[str]:
    """The slides of some groups, with those that are still to be simulated."""
    if store.simulated is not None:
        return list(store.simulated.names(groups))
    return [slide.name for slide in store.slides(groups)]


def _write_common(folder: Path, config: Config, contract: "Contract") -> None:
    (folder / names.CONFIG).write_text(to_yaml(config), encoding="utf-8")
    (folder / names.CONTRACT).write_text(contract.to_json(), encoding="utf-8")


def _write_json(path: Path, values: Any) -> None:
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
