"""Whether a run folder may be trained in: unfinished, of this configuration and patch dataset."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hrpn_tf.config import Config
from hrpn_tf.data.store import PatchStore
from hrpn_tf.errors import CheckpointError, FinishedRunError, RunError
from hrpn_tf.files import sha256
from hrpn_tf.runs.configuration import read_config
from hrpn_tf.runs.folder import BEST, CHECKPOINTS, HISTORY, RESOURCES, TEACHER
from hrpn_tf.runs.reading import read_history
from hrpn_tf.runs.writing import dataset_record, read_record, recorded_dataset
from hrpn_tf.training.checkpoints import TrainingState, list_checkpoints, read_state
from hrpn_tf.untrusted import read_json, read_text

_CHOICE = "give --overwrite to replace it, or another --out"


def may_resume(run: Path, config: Config, store: PatchStore) -> bool:
    """Whether an unfinished training of this configuration and patch dataset is there.

    False if there is nothing, or an empty folder. Sections that do not concern training
    (``prediction`` and the like) may differ.

    Raises:
        FinishedRunError: a finished run with all its results is there.
        RunError: something else is there: another configuration (the keys that
            differ are named), another patch dataset, or no run at all.
    """
    if not run.exists() or (run.is_dir() and not any(run.iterdir())):
        return False
    refuse_other(run, config, store)
    if is_finished(run, config) and is_shown(run):
        raise FinishedRunError(f"{run}: this run is finished; {_CHOICE}")
    return True


def refuse_other(run: Path, config: Config, store: PatchStore) -> None:
    """Refuse a run folder of another configuration or patch dataset, finished or not.

    Raises:
        RunError: says which keys differ.
    """
    before, now = _flatten(read_config(run)), _flatten(config)
    # of both: the parts of a loss are keys, and one of them may be gone
    differing = [key for key in {**now, **before} if now.get(key) != before.get(key)]
    if differing:
        shown = "; ".join(
            f"{key} was {before.get(key)}, now {now.get(key)}" for key in differing[:3]
        )
        more = f" and {len(differing) - 3} more" if len(differing) > 3 else ""
        raise RunError(f"{run}: a run of another configuration: {shown}{more}; {_CHOICE}")
    recorded = recorded_dataset(run)
    present = dataset_record(store)
    if recorded.get("sha256") != present["sha256"]:
        raise RunError(f"{run}: a run on another patch dataset ({recorded.get('path')}); {_CHOICE}")
    old, new = recorded.get("simulated"), present.get("simulated")
    if old != new:
        raise RunError(
            f"{run}: a run on other simulated slides ({_shown(old)}; now {_shown(new)}); {_CHOICE}"
        )


def refuse_other_teacher(run: Path, record: Mapping[str, str] | None) -> None:
    """Refuse to resume a run with another teacher than it was begun with.

    Args:
        run: an unfinished run of this configuration.
        record: path and checksum of the teacher; None for none.

    Raises:
        RunError: the teacher has changed since, or the record is missing or damaged.
    """
    if record is None:
        return
    if read_record(run, TEACHER).get("sha256") != record["sha256"]:
        raise RunError(
            f"{run}: was begun with another teacher; {record['path']} has changed since; {_CHOICE}"
        )


def is_finished(run: Path, config: Config) -> bool:
    """Whether the last checkpoint ends the training; a damaged one does not."""
    try:
        state = last_state(run)
    except CheckpointError:
        return False
    training = config.training
    if "smoothing" not in read_config(run).training.model_fields_set:
        # of a version that compared single epochs: what stopped early then has ended
        training = training.model_copy(update={"smoothing": 1})
    return state.finished(training)


def is_shown(run: Path) -> bool:
    """Whether the results of the last checkpoint are at the top of the run folder, all of them.

    They are not where a training was killed right after its last checkpoint.
    """
    try:
        state = last_state(run)
        latest = list_checkpoints(run / CHECKPOINTS)[-1]
        resources = read_json(run / RESOURCES, RunError)
        history = read_history(read_text(run / HISTORY, RunError))
        same = sha256(run / BEST) == sha256(latest / BEST)
    except (CheckpointError, RunError, IndexError, OSError):
        return False
    return same and isinstance(resources, dict) and len(history) == len(state.rows)


def last_state(run: Path) -> TrainingState:
    """How far the training of a run is, by its last checkpoint.

    Raises:
        CheckpointError: the last checkpoint is damaged.
    """
    for latest in list_checkpoints(run / CHECKPOINTS)[-1:]:
        return read_state(latest)
    return TrainingState()


def _shown(simulated: Any) -> str:
    if not isinstance(simulated, dict):
        return "none"
    return ", ".join(f"{key} {value}" for key, value in simulated.items())


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
