"""Nested subsets of the training groups, and the trainings on them."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hrpn_tf.config import Config
from hrpn_tf.console import load_tensorflow
from hrpn_tf.data.splits import Split
from hrpn_tf.errors import ConfigError, RunError, SplitError, StartError, UsageError
from hrpn_tf.runs import Run

if TYPE_CHECKING:
    from hrpn_tf.data.store import PatchStore

logger = logging.getLogger(__name__)

FEWEST_GROUPS = 3  # as many points as the power law has parameters
_GOLDEN = (np.sqrt(5) - 1) / 2


@dataclass(frozen=True)
class Subset:
    """Groups of one training.

    Attributes:
        draw: number of the series of nested subsets, from 1.
        groups: that train.
    """

    draw: int
    groups: tuple[str, ...]

    @property
    def name(self) -> str:
        """Of its run folder and its record."""
        return f"draw-{self.draw}-groups-{len(self.groups)}"


def nested_subsets(groups: Sequence[str], sizes: Sequence[int], draws: int) -> list[Subset]:
    """The subsets of all draws, draw by draw, so that an early stop leaves whole draws.

    The groups stand in a random circle. Each draw begins at another place of it, far from the
    others (by golden sections), and its subsets are the first groups from there on. Small subsets
    of different draws so have few groups in common, and more draws leave the earlier ones as they
    are.

    Example:
        >>> [subset.groups for subset in nested_subsets("abc", (1, 2), 2)]
        [('a',), ('a', 'c'), ('c',), ('c', 'b')]
    """
    names = sorted(groups)
    count = len(names)
    order = np.random.default_rng(count).permutation(count)
    found = []
    for draw in range(draws):
        first = int(count * ((draw * _GOLDEN) % 1))
        circle = [names[order[(first + i) % count]] for i in range(count)]
        found += [Subset(draw + 1, tuple(circle[:size])) for size in sizes]
    return found


def choose_sizes(run: Run, store: "PatchStore", wanted: Sequence[int], draws: int) -> list[int]:
    """Numbers of groups to train with: 1, 2, 4, ... and all, unless others are wanted.

    Raises:
        SplitError: fewer than three training groups.
        UsageError: a wanted number is too large, or gives fewer patches than a batch has.
    """
    groups = run.split.train
    if len(groups) < FEWEST_GROUPS:
        raise SplitError(
            f"{run}: {len(groups)} training group(s), and a learning curve takes {FEWEST_GROUPS}; "
            "plan without one: --no-curve"
        )
    doubled = [2**i for i in range(len(groups).bit_length()) if 2**i < len(groups)]
    if len(groups) == FEWEST_GROUPS or len(doubled) < 2:
        doubled = [1, 2]
    sizes = sorted({*wanted} or {*doubled, len(groups)})
    if sizes[-1] > len(groups):
        raise UsageError(f"--sizes {sizes[-1]}: {run} has {len(groups)} training groups")
    batch = run.config.training.batch_size
    patches = {group: len(store.indices([group])) for group in groups}
    small = {
        len(each.groups)
        for each in nested_subsets(groups, sizes, draws)
        if sum(patches[group] for group in each.groups) < batch
    }
    if small and wanted:
        raise UsageError(
            f"--sizes {min(small)}: so few groups have fewer patches than a batch of {batch}; name "
            "larger numbers"
        )
    if small:
        logger.warning(
            f"{', '.join(map(str, sorted(small)))} group(s) have fewer patches than a batch of "
            f"{batch}, and are left out of the curve"
        )
    return [size for size in sizes if size not in small]


def subset_config(run: Run, subset: Subset, steps: int) -> Config:
    """The recipe of the run for a subset: as many steps, whatever the number of patches.

    Groups that do not train are test groups, so that nothing learns from them. The seed differs
    from draw to draw.
    """
    config, split = run.config, _split(run, subset.groups)
    own = config.data.split.model_copy(
        update={"fold": None, "validation": split.validation, "test": split.test}
    )
    training = config.training.model_copy(
        update={
            "steps": steps,
            "epochs": min(config.training.epochs, steps),
            "steps_per_epoch": None,
            "minutes": None,
            "seed": config.training.seed + subset.draw - 1,
        }
    )
    data = config.data.model_copy(update={"split": own})
    return config.model_copy(update={"data": data, "training": training})


def refuse_knowing(run: Run, store: "PatchStore", subsets: Sequence[Subset]) -> None:
    """Refuse trainings that would learn from a network which knows what a subset leaves out.

    Raises:
        UsageError: the run has such a teacher, or such a start.
        HrpnError, BundleError: the teacher or the start cannot be read.
    """
    training = run.config.training
    if not subsets or (training.teacher is None and training.start is None):
        return
    load_tensorflow()
    from hrpn_tf.training.leakage import LearntFrom

    known = LearntFrom.of(run.config)
    always = set.intersection(*(set(subset.groups) for subset in subsets))
    try:
        known.refuse(store, [_split(run, always)])
    except (ConfigError, StartError) as error:
        raise UsageError(
            f"{run}: a learning curve cannot be had of it: {error}; plan without a curve: "
            "--no-curve"
        ) from None


def _split(run: Run, groups: Collection[str]) -> Split:
    """The split of the run where only these groups train, and the others test."""
    split = run.split
    trained = tuple(group for group in split.train if group in groups)
    left_out = tuple(group for group in split.train if group not in groups)
    return Split(trained, split.validation, (*split.test, *left_out))


def steps_of(run: Run, store: "PatchStore") -> int:
    """How many steps the training of a run was planned to have.

    Raises:
        RunError: the run does not say, since it was trained by time and has not begun.
    """
    from hrpn_tf.training.plan import plan_of
    from hrpn_tf.training.run import last_state

    plan = plan_of(run.config.training, len(store.indices(run.split.train)))
    planned = last_state(run.folder).planned_steps if plan is None else plan.total
    if planned is None:
        raise RunError(f"{run}: does not say how many steps its training has; fit it again")
    return planned
