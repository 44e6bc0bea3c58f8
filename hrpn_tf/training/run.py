"""The run folder: what it holds, when it may be resumed, and how a finished one is read.

A run folder holds ``hrpn.yaml`` (the resolved configuration), ``contract.json``, ``scaling.json``,
``split.json``, ``store.json``, ``environment.json``, ``history.csv``, ``logs/`` (TensorBoard),
``checkpoints/`` and ``best.keras``; after ``hrpn-tf fit`` also ``training-profile.npz``.
"""

import csv
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from hrpn_export import Contract

from hrpn_tf.config import RUN_CONFIG, Config, load_run_config, to_yaml
from hrpn_tf.data.manifest import MANIFEST
from hrpn_tf.data.splits import Split
from hrpn_tf.data.store import PatchStore
from hrpn_tf.errors import CheckpointError, RunError
from hrpn_tf.files import atomic_path, remove
from hrpn_tf.models.scaling import Scaling
from hrpn_tf.training.checkpoints import (
    BEST,
    TrainingState,
    link_or_copy,
    list_checkpoints,
    read_state,
)

if TYPE_CHECKING:
    import keras

_CHOICE = "give --overwrite to replace it, or another --out"


def load_run(run: Path) -> tuple["keras.Model", Contract, Config]:
    """The best network of a run, float32 and not compiled, with its contract and configuration.

    No code from the file is run.

    Raises:
        RunError: no run folder there, it misses a file, or no epoch is finished yet.
        CheckpointError: ``best.keras`` is damaged or holds something else.
        ContractError: ``contract.json`` is damaged.
    """
    import keras

    import hrpn_tf.models.layers  # noqa: F401  (registers the layers)

    config = load_run_config(run)
    best = run / BEST
    if not best.is_file():
        raise RunError(f"{run}: no {BEST} yet; run hrpn-tf fit until an epoch is finished")
    contract = Contract.from_json(_read(run, "contract.json"))
    try:
        model = keras.saving.load_model(best, compile=False, safe_mode=True)
    except (OSError, ValueError, TypeError, KeyError, BadZipFile) as error:
        problem = str(error).strip().splitlines()[0]
        raise CheckpointError(f"{best}: cannot be loaded: {problem}") from None
    return model, contract, config


def may_resume(run: Path, config: Config, store: PatchStore) -> bool:
    """Whether an unfinished training of this very configuration and store is there.

    False if there is nothing, or an empty folder. Sections that do not concern training
    (``prediction`` and the like) may differ.

    Raises:
        RunError: something else is there: a finished run, another configuration (the keys that
            differ are named), another store, or no run at all.
    """
    if not run.exists() or (run.is_dir() and not any(run.iterdir())):
        return False
    refuse_other(run, config, store)
    if is_finished(run, config):
        raise RunError(f"{run}: this run is finished; {_CHOICE}")
    return True


def refuse_other(run: Path, config: Config, store: PatchStore) -> None:
    """Refuse a run folder of another configuration or store, finished or not.

    Raises:
        RunError: says which keys differ.
    """
    before, now = _flatten(load_run_config(run)), _flatten(config)
    differing = [key for key in now if now[key] != before.get(key)]
    if differing:
        shown = "; ".join(f"{key} was {before.get(key)}, now {now[key]}" for key in differing[:3])
        more = f" and {len(differing) - 3} more" if len(differing) > 3 else ""
        raise RunError(f"{run}: a run of another configuration: {shown}{more}; {_CHOICE}")
    recorded = _read_json(run, "store.json")
    if recorded.get("sha256") != _store_record(store)["sha256"]:
        raise RunError(f"{run}: a run on another store ({recorded.get('path')}); {_CHOICE}")


def is_finished(run: Path, config: Config) -> bool:
    """Whether the last checkpoint ends the training; a damaged one does not."""
    for latest in list_checkpoints(run / "checkpoints")[-1:]:
        try:
            state = read_state(latest)
        except CheckpointError:
            return False
        return state.finished(config.training.epochs, config.training.early_stopping)
    return False


def create_run(
    run: Path,
    *,
    config: Config,
    contract: Contract,
    scaling: Scaling,
    split: Split,
    store: PatchStore,
    overwrite: bool,
) -> None:
    """Create the run folder with everything but results; it appears complete or not at all.

    Raises:
        RunError: ``overwrite``, but what is there is no run folder.
        DiskFullError: the disk filled up.
    """
    if run.is_dir() and not any(run.iterdir()):
        run.rmdir()
    if overwrite and run.exists():
        load_run_config(run)  # what is not a run is not ours to replace
    slides = {
        part: {"groups": groups, "slides": [slide.name for slide in store.slides(groups)]}
        for part, groups in asdict(split).items()
    }
    with atomic_path(run, overwrite) as folder:
        folder.mkdir()
        (folder / RUN_CONFIG).write_text(to_yaml(config), encoding="utf-8")
        (folder / "contract.json").write_text(contract.to_json(), encoding="utf-8")
        _write_json(folder / "scaling.json", scaling.to_json())
        _write_json(folder / "split.json", slides)
        _write_json(folder / "store.json", _store_record(store))


def add_environment(run: Path, environment: Mapping[str, Any]) -> None:
    """Append to ``environment.json``: one entry per time that the training was started."""
    path = run / "environment.json"
    starts = _read_json(run, path.name)["starts"] if path.exists() else []
    with atomic_path(path, overwrite=True) as temporary:
        _write_json(temporary, {"starts": [*starts, environment]})


def publish(run: Path, checkpoint: Path, state: TrainingState) -> None:
    """Show a checkpoint's history and best network at the top of the run folder."""
    with atomic_path(run / BEST, overwrite=True) as temporary:
        link_or_copy(checkpoint / BEST, temporary)
    with (
        atomic_path(run / "history.csv", overwrite=True) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, fieldnames=list(state.history[0]))
        writer.writeheader()
        writer.writerows(state.history)


def write_resources(run: Path, used: Mapping[str, float]) -> None:
    """Write ``resources.json``: what the training used so far."""
    with atomic_path(run / "resources.json", overwrite=True) as temporary:
        _write_json(temporary, used)


def clear_leftovers(run: Path) -> None:
    """Remove what a killed training was writing."""
    for folder in (run, run / "checkpoints"):
        for leftover in folder.glob(".partial-*"):
            remove(leftover)


def _store_record(store: PatchStore) -> dict[str, str]:
    manifest = (store.path / MANIFEST).read_bytes()
    return {"path": str(store.path.resolve()), "sha256": hashlib.sha256(manifest).hexdigest()}


def _read(run: Path, name: str) -> str:
    try:
        return (run / name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise RunError(
            f"{run}: {name} is missing or damaged; give another run, or fit it again with "
            "--overwrite"
        ) from None


def _read_json(run: Path, name: str) -> dict[str, Any]:
    try:
        values: dict[str, Any] = json.loads(_read(run, name))
    except ValueError:
        raise RunError(f"{run}: {name} is damaged; fit again with --overwrite") from None
    return values


def _write_json(path: Path, values: Any) -> None:
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def _flatten(config: Config) -> dict[str, Any]:
    """What a training depends on, as ``section.key``: value."""
    flat: dict[str, Any] = {}
    pending: list[tuple[str, Any]] = list(
        config.model_dump(mode="json", include={"data", "model", "training"}).items()
    )
    while pending:
        key, value = pending.pop(0)
        if isinstance(value, dict) and value:
            pending += [(f"{key}.{name}", inner) for name, inner in value.items()]
        else:
            flat[key] = value
    return flat
