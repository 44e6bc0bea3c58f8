"""The choice of learning rate, loss and length of a network, on validation slides alone."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from experiments.study.commands import CommandFailedError
from experiments.study.trainings import Settings, Trained

Train = Callable[[Settings], Trained]
Ended = Literal["converged", "longest", "limit"]
MORE_RATES = 2  # beyond the given ones


@dataclass(frozen=True)
class Choice:
    """What was chosen, and from what.

    Attributes:
        grid: trainings of the shortest length.
        ladder: trainings of the chosen learning rate and loss, each twice as long as the last; the
            first of them is one of the grid.
        failed: settings of the grid whose training failed, such as by an infinite loss.
        ended: ``converged`` where the last of them lowered the error by less than the rule asks
            for, ``longest`` where none may see more pixels, ``limit`` where a longer one would
            have taken too much time.
    """

    grid: tuple[Trained, ...]
    ladder: tuple[Trained, ...]
    failed: tuple[Settings, ...]
    ended: Ended

    @property
    def best(self) -> Trained:
        """The training with the lowest validation error; its network is tested."""
        return _least(self.ladder)

    @property
    def gain(self) -> float | None:
        """Share by which the last doubling lowered the error; None without one."""
        if len(self.ladder) < 2:
            return None
        return 1 - self.ladder[-1].error / self.ladder[-2].error

    @property
    def core_seconds(self) -> float:
        """Processor time of all trainings."""
        return sum(each.core_seconds for each in (*self.grid, *self.ladder[1:]))


class NotYetError(Exception):
    """The next training is longer than this round allows; the message says how long it would be."""


def choose(
    rates: Sequence[float],
    losses: Sequence[str],
    shortest: int,
    rule: Mapping[str, Any],
    train: Train,
    longest: float = math.inf,
) -> Choice:
    """Choose by short trainings, then double the length until that no longer helps.

    Args:
        rates: learning rates, each tried with the first loss. Where the best one is the largest
            or smallest of several, the next of the series is tried, too.
        losses: each tried with the best of these learning rates.
        shortest: steps of these trainings.
        rule: the section of the configuration.
        train: trains with some settings.
        longest: steps of the longest training of this round.

    Raises:
        NotYetError: it needs a longer one.
        OutOfTimeError: not finished; what is trained is read the next time.
        CommandFailedError: no training of the grid succeeded, or a longer one failed.
    """
    first = Settings(rates[0], losses[0], shortest, 0)
    grid, failed = _tried([replace(first, learning_rate=rate) for rate in rates], train)
    if not grid:
        raise CommandFailedError(f"no training of the grid succeeded: {failed}")
    for _ in range(MORE_RATES):
        rate = _beyond(grid, failed)
        if rate is None:
            break
        more, also = _tried([replace(first, learning_rate=rate)], train)
        grid, failed = grid + more, failed + also
    best = _least(grid).settings
    more, also = _tried([replace(best, loss=loss) for loss in losses[1:]], train)
    grid, failed = grid + more, failed + also
    ladder = [_least(grid)]
    while (ended := _ended(ladder, [*grid, *ladder], rule)) is None:
        last = ladder[-1].settings
        if 2 * last.steps > longest:
            raise NotYetError(
                f"goes on with {2 * last.steps} steps when the others have come as far"
            )
        ladder.append(train(replace(last, steps=2 * last.steps)))
    return Choice(tuple(grid), tuple(ladder), tuple(failed), ended)


def _tried(wanted: list[Settings], train: Train) -> tuple[list[Trained], list[Settings]]:
    """Trainings that succeeded, and settings of those that did not: rates may be too high."""
    found: list[Trained] = []
    failed = []
    for settings in wanted:
        try:
            found.append(train(settings))
        except CommandFailedError:
            failed.append(settings)
    return found, failed


def _beyond(grid: Sequence[Trained], failed: Sequence[Settings]) -> float | None:
    """The learning rate that continues the series where its end is the best so far; else None."""
    best = _least(grid).settings.learning_rate
    tried = sorted({s.learning_rate for s in (*(each.settings for each in grid), *failed)})
    if len(tried) < 2 or best not in (tried[0], tried[-1]):
        return None
    ratio = tried[-1] / tried[-2] if best == tried[-1] else tried[0] / tried[1]
    return float(f"{best * ratio:.3g}")


def _least(grid: Sequence[Trained]) -> Trained:
    return min(grid, key=lambda each: each.error)


def _ended(
    ladder: Sequence[Trained], known: Sequence[Trained], rule: Mapping[str, Any]
) -> Ended | None:
    """Why no longer training follows; None if one does.

    Args:
        ladder: trainings so far, each twice as long as the last.
        known: all trainings of the network: the fastest tells how long the next one would take,
            so that other work on the machine decides nothing.
        rule: the section of the configuration.
    """
    if len(ladder) > 1 and ladder[-1].error > (1 - rule["improvement"]) * ladder[-2].error:
        return "converged"
    if len(ladder) > rule["doublings"]:
        return "longest"
    pace = min(each.core_seconds / each.settings.steps for each in known)
    allowed = 3600 * rule["hours"] * rule["cores"]
    return "limit" if 2 * ladder[-1].settings.steps * pace > allowed else None
