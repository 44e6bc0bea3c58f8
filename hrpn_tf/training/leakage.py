"""Refuse a start or a teacher that knows what trainings hold back, before the first begins."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from hrpn_tf.config import Config
from hrpn_tf.data.splits import Split
from hrpn_tf.data.store import PatchStore
from hrpn_tf.runs.source import Source, find_source
from hrpn_tf.training.start import refuse_known
from hrpn_tf.training.teacher import refuse_seen


@dataclass(frozen=True)
class LearntFrom:
    """The networks that some trainings learn from.

    Attributes:
        teacher, start: None where there is none.
    """

    teacher: Source | None
    start: Source | None

    @classmethod
    def of(cls, config: Config) -> Self:
        """Those of a configuration.

        Raises:
            HrpnError, BundleError: one of them cannot be read.
        """
        named = config.training.teacher, config.training.start
        return cls(*(None if name is None else find_source(name) for name in named))

    def refuse(self, store: PatchStore, splits: Iterable[Split]) -> None:
        """Refuse what one of them knows of a test or validation group.

        Each training warns of what is not known.

        Args:
            store: the patches of the trainings.
            splits: their groups.

        Raises:
            ConfigError: the teacher knows what a split holds back.
            StartError: so does the start.
        """
        for split in splits:
            if self.teacher is not None:
                refuse_seen(self.teacher, split)
            if self.start is not None:
                refuse_known(self.start, store, split)
