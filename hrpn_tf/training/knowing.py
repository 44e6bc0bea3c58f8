"""Refuse a start or a teacher that knows what trainings hold back, before the first begins."""

from collections.abc import Iterable

from hrpn_tf.config import Config
from hrpn_tf.data.splits import Split
from hrpn_tf.data.store import PatchStore
from hrpn_tf.runs.source import find_source
from hrpn_tf.training.start import refuse_known
from hrpn_tf.training.teacher import refuse_seen


def refuse_knowing(config: Config, store: PatchStore, splits: Iterable[Split]) -> None:
    """Look at the start and the teacher of some trainings once, and at the split of each.

    Args:
        config: of these trainings.
        store: their patches.
        splits: their groups.

    Raises:
        ConfigError: the teacher knows what a split holds back.
        StartError: so does the start.
        HrpnError, BundleError: one of them cannot be read.
    """
    training = config.training
    teacher = None if training.teacher is None else find_source(training.teacher)
    start = None if training.start is None else find_source(training.start)
    for split in splits:
        if teacher is not None:
            refuse_seen(teacher, split)
        if start is not None:
            refuse_known(start, store, split)
