"""Splits by group: patches of one animal or slide never lie on both sides."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hrpn_tf.config import SplitConfig
from hrpn_tf.errors import SplitError


@dataclass(frozen=True)
class Split:
    """Groups for training, for the choice of the checkpoint, and for the final metrics."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    def seen_by(self, subsets: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
        """The groups held back here on which another network has learned.

        Args:
            subsets: group: how the training of that network used it.

        Returns:
            Group, its subset here, its subset there.

        Example:
            >>> split = Split(("a",), ("b",), ("c",))
            >>> list(split.seen_by({"a": "test", "b": "train", "c": "validation"}))
            [('c', 'test', 'validation'), ('b', 'validation', 'train')]
        """
        for group in self.test:
            if (used := subsets.get(group)) in ("train", "validation"):
                yield group, "test", used
        for group in self.validation:
            if (used := subsets.get(group)) == "train":
                yield group, "validation", used


def split_groups(groups: Sequence[str], config: SplitConfig) -> Split:
    """Split the groups as configured; repeats in ``groups`` do not matter.

    Named groups (``validation``, ``test``) replace the fold.

    Raises:
        SplitError: a named group does not exist, there is no such fold, or nothing is left to
            train or to validate with.
    """
    if config.validation or config.test:
        return _named(sorted(set(groups)), config)
    if config.fold is None:
        raise SplitError("no split is asked for: set data.split.fold or data.split.validation")
    choices = folds(groups)
    if config.fold >= len(choices):
        raise SplitError(
            f"data.split.fold={config.fold}: there are {len(choices)} groups, so folds go from 0 "
            f"to {len(choices) - 1}"
        )
    return choices[config.fold]


def folds(groups: Sequence[str]) -> tuple[Split, ...]:
    """All leave-one-group-out folds.

    Fold k tests on group k of the sorted groups and validates on the next one (after the last
    comes the first), so that the group that selects the checkpoint never gives the final metrics.

    Raises:
        SplitError: fewer than three groups.

    >>> folds(["a", "b", "c"])[2]
    Split(train=('b',), validation=('a',), test=('c',))
    """
    names = sorted(set(groups))
    if len(names) < 3:
        raise SplitError(
            f"{len(names)} group(s) only ({', '.join(names)}): training, picking the checkpoint "
            "and testing each need a group of their own; list at least 3 groups, or name "
            "data.split.validation yourself and leave the test out"
        )
    chosen = []
    for k, test in enumerate(names):
        validation = names[(k + 1) % len(names)]
        train = tuple(name for name in names if name not in (test, validation))
        chosen.append(Split(train, (validation,), (test,)))
    return tuple(chosen)


def _named(names: list[str], config: SplitConfig) -> Split:
    if unknown := sorted({*config.validation, *config.test} - set(names)):
        raise SplitError(f"no group {unknown[0]}; the groups are {', '.join(names)}")
    if not config.validation:
        raise SplitError("data.split.test is named but data.split.validation is not; name both")
    train = tuple(name for name in names if name not in (*config.validation, *config.test))
    if not train:
        raise SplitError(
            f"no group is left to train with: of {', '.join(names)} all are validation or test"
        )
    return Split(train, tuple(sorted(config.validation)), tuple(sorted(config.test)))
