"""A training among several that are run again after an interruption: finished ones are kept."""

from pathlib import Path

from hrpn_tf.config import Config
from hrpn_tf.data.store import open_store
from hrpn_tf.training import fit as fitting
from hrpn_tf.training.resolving import resolve
from hrpn_tf.training.run import is_finished, is_shown, last_state, refuse_other
from hrpn_tf.training.start import find_start


def fit_to_the_end(store_path: Path, run: Path, config: Config, *, progress: bool = True) -> int:
    """Begin or resume a training; do nothing if it is finished.

    Args:
        store_path: patch dataset.
        run: run folder to create or to resume.
        config: see ``fit``.
        progress: report the progress; see ``hrpn_tf.progress``.

    Returns:
        Its best epoch.

    Raises:
        RunError: the folder is of another configuration or patch dataset.
        HrpnError: as raised by ``fit``.
    """
    store = open_store(store_path)
    if run.is_dir() and any(run.iterdir()):
        resolved = resolve(find_start(config, run, overwrite=False)[0], store)
        refuse_other(run, resolved, store)
        if is_finished(run, resolved) and is_shown(run):
            return last_state(run).best_epoch
    return fitting.fit(store_path, run, config, progress=progress).best_epoch
