"""Proposes groups (animals) of slides from the names of their files and folders."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

from hrpn_tf.slides.names import comparable

# What an animal, patient or sample is called in file names, followed by its number or letter.
_ANIMAL = re.compile(
    r"(?<![^\W\d_])(?:mouse|mice|animal|rat|rabbit|patient|pat|subject|subj|sub|donor|case|"
    r"tumou?r|specimen|sample|ms|m|r|p)[\s_-]*(?:no\.?|nr\.?|id|\#)?[\s_-]*\d+[a-z]?(?![^\W_])",
    re.IGNORECASE,
)
# Words at the end of a name that number the parts of an animal.
_PART = re.compile(
    r"(?:section|sect|sec|slice|slide|scan|field|fov|roi|region|area|image|img|tile|pos|position|"
    r"series|level|s|f|x|z)?\d{1,4}[a-z]?|left|right|centre|center|core|rim|[a-z]",
    re.IGNORECASE,
)
_BREAK = re.compile(r"[\s_.-]+")
_MOST_PARTS = 4  # words that may number parts


@dataclass(frozen=True)
class Grouping:
    """A proposal.

    Attributes:
        groups: of each slide.
        how: how the groups were recognised, in words.
        doubtful: indices of the slides whose names give no group, so that each is its own.
    """

    groups: tuple[str, ...]
    how: str
    doubtful: frozenset[int]


def propose_groups(names: Sequence[PurePath]) -> Grouping:
    """Groups of slides by the first subfolder in which they differ, or else by their names.

    Args:
        names: of the slides without suffix, relative to the folder that was looked at.

    Example:
        >>> proposed = propose_groups([PurePath("mouse1_s1"), PurePath("mouse1_s2")])
        >>> proposed.groups, proposed.how
        (('mouse1', 'mouse1'), 'the animal in the names')
        >>> propose_groups([PurePath("m1/a"), PurePath("m1/b"), PurePath("m2/a")]).groups
        ('m1', 'm1', 'm2')
    """
    for propose in (_by_folder, _by_animal, _by_parts) if names else ():
        found = propose(names)
        if found is not None:
            return _alike(found)
    own = tuple(_joined(name) for name in names)
    return _alike(Grouping(own, "slide", frozenset(range(len(names)))))


def _by_folder(names: Sequence[PurePath]) -> Grouping | None:
    """The first folder below what all have in common, where there are at least two."""
    depth = 0
    folders = [name.parts[:-1] for name in names]
    while all(len(parts) > depth for parts in folders):
        if len({comparable(parts[depth]) for parts in folders}) > 1:
            groups = tuple(parts[depth] for parts in folders)
            return Grouping(groups, "the subfolders", frozenset())
        depth += 1
    if len({parts[:depth] for parts in folders}) == 1 and any(len(p) > depth for p in folders):
        # some lie in the common folder itself
        inner = {i: parts[depth] for i, parts in enumerate(folders) if len(parts) > depth}
        if len({comparable(folder) for folder in inner.values()}) > 1:
            return _with_own(names, inner, "the subfolders")
    return None


def _by_animal(names: Sequence[PurePath]) -> Grouping | None:
    found = {}
    for index, name in enumerate(names):
        match = _ANIMAL.search(name.name)
        if match is not None:
            found[index] = match[0]
    if len(found) < max(1, len(names) / 2):
        return None
    return _with_own(names, found, "the animal in the names")


def _by_parts(names: Sequence[PurePath]) -> Grouping | None:
    """What remains of the names without the numbers of sections and fields at their end.

    The fewest words that still give two groups: a group that is too large costs slides, one that is
    too small lets an animal train and test the network.
    """
    for kept in range(_MOST_PARTS):
        stems = [_without_parts(name.name, kept) for name in names]
        counts = Counter(comparable(stem) for stem in stems if stem)
        if len(counts) > 1 and max(counts.values()) > 1:
            found = {i: stem for i, stem in enumerate(stems) if stem}
            return _with_own(names, found, "the names without their last numbers")
    return None


def _without_parts(name: str, kept: int) -> str:
    """A name without its last words that number parts, but for the first ``kept`` of these."""
    words = _BREAK.split(name)
    end = len(words)
    while end and _PART.fullmatch(words[end - 1]):
        end -= 1
    end += kept
    if not end or end >= len(words):
        return ""
    # cut from the name itself, with the breaks that it has
    cut = name
    for word in reversed(words[end:]):
        cut = cut[: cut.rindex(word)]
    return cut.strip(" _.-")


def _with_own(names: Sequence[PurePath], found: dict[int, str], how: str) -> Grouping:
    """Groups of some slides; each of the others is its own."""
    others = frozenset(range(len(names))) - set(found)
    groups = tuple(found.get(i, _joined(name)) for i, name in enumerate(names))
    return Grouping(groups, how, others)


def _alike(grouping: Grouping) -> Grouping:
    """With one spelling of groups that differ by case, spaces and breaks alone."""
    spelling: dict[str, str] = {}
    groups = tuple(
        spelling.setdefault(re.sub(r"[\s_-]+", "", comparable(group)), group.strip())
        for group in grouping.groups
    )
    return Grouping(groups, grouping.how, grouping.doubtful)


def _joined(name: PurePath) -> str:
    return "-".join(name.parts)
