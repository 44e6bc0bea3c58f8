"""What more animals would bring: a learning curve, the coverage, and the slides to measure next."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hrpn_tf.console import load_tensorflow
from hrpn_tf.data.manifest import identity_file
from hrpn_tf.errors import StoreError, UsageError
from hrpn_tf.evaluation.planning.coverage import (
    COUNTS,
    LEVELS,
    coverage_outlook,
)
from hrpn_tf.evaluation.planning.curve import Measurement, learning_curve
from hrpn_tf.files import held_folder, remove
from hrpn_tf.progress import format_seconds
from hrpn_tf.runs import Run, open_run
from hrpn_tf.workflows.plan.measuring import measured
from hrpn_tf.workflows.plan.options import PlanOptions
from hrpn_tf.workflows.plan.result import Plan, Trained
from hrpn_tf.workflows.plan.subsets import (
    Subset,
    choose_sizes,
    nested_subsets,
    refuse_knowing,
    steps_of,
    subset_config,
)

if TYPE_CHECKING:
    from hrpn_tf.data.store import PatchStore
    from hrpn_tf.evaluation.planning.ranking import Ranked

logger = logging.getLogger(__name__)

_TRAININGS, _RECORDS = "trainings", "measured"
_TINY = 1e-12  # grey levels; the power law is of errors above 0


def plan_run(
    run: Run | Path,
    candidates: Sequence[Path] = (),
    out: Path | None = None,
    *,
    options: PlanOptions | None = None,
    overwrite: bool = False,
    progress: bool = True,
) -> Plan:
    """Plan what to measure next, from a pilot run.

    All inputs are checked before anything is trained. Called again after an interruption, finished
    trainings are kept, and an unfinished one resumes.

    Args:
        run: open run or run folder.
        candidates: slides without a target to rank; or slide lists, folders or patterns of them.
        out: folder of the trainings and results; None for ``RUN/plan``.
        options: sizes, draws, length of the trainings, and more.
        overwrite: remove trainings with other settings that are in the folder.
        progress: report the progress; see ``hrpn_tf.progress``.

    Raises:
        SplitError: fewer than three training groups.
        StoreError: the patch dataset of the run is gone, damaged, or another one.
        CandidateError: a candidate was used by the run.
        UsageError: options, or networks, that make no sense together; the run has a teacher, or a
            start, that knows the groups which a part of the curve leaves out.
        RunError: the run is incomplete, or other trainings are in the folder.
        HrpnError: a candidate cannot be read, or a training fails.
    """
    from hrpn_tf.workflows.plan.summary import write_plan

    options = options or PlanOptions()
    options.check()
    run = open_run(run)
    run.network_file()
    folder = out or run.plan
    work = _Work(run, folder, options, progress)
    work.check(candidates)
    with held_folder(folder):
        if overwrite:
            remove(folder / _TRAININGS)
            remove(folder / _RECORDS)
        found = work.done()
        write_plan(found)
    return found


class _Work:
    """A plan in the making: checked first, then done."""

    def __init__(self, run: Run, folder: Path, options: PlanOptions, progress: bool) -> None:
        self._run, self._folder = run, folder
        self._options, self._progress = options, progress
        self._others = [open_run(path) for path in options.ensemble]
        self._notes: list[str] = []

    def check(self, candidates: Sequence[Path]) -> None:
        """Refuse bad input, before anything is computed."""
        from hrpn_tf.workflows.plan.candidates import candidate_jobs, candidate_slides
        from hrpn_tf.workflows.plan.ranking import check_ensemble, training_profile

        run, options = self._run, self._options
        split = run.split
        self._held_back = split.test or split.validation
        if not split.test:
            self._notes.append(
                "the run has no test groups: errors are of the groups that picked its checkpoint, "
                "and make it optimistic"
            )
        self._store: PatchStore | None = None
        self._subsets: list[Subset] = []
        if options.curve:
            self._store = _open_store(run, options)
            sizes = choose_sizes(run, self._store, options.sizes, options.draws)
            self._subsets = nested_subsets(split.train, sizes, options.draws)
            to_train = [subset for subset in self._subsets if not self._is_known(subset)]
            refuse_knowing(run, self._store, to_train)
            planned = steps_of(run, self._store)
            self._steps = max(1, round(options.shorten * planned))
        check_ensemble(run, self._others)
        if self._others and not candidates:
            raise UsageError("--ensemble: is for candidates, and none was named")
        self._slides = candidate_slides(run, candidates, self._progress)
        self._profile = training_profile(run) if self._slides else None
        self._jobs = candidate_jobs(run, self._slides, options, self._folder)

    def done(self) -> Plan:
        """Train, measure, fit and rank."""
        options, split = self._options, self._run.split
        trained, missing = self._train()
        error = width = None
        if trained:
            at = options.at or (2 * len(split.train), 4 * len(split.train))
            error = learning_curve([_measurement(each, None) for each in trained], at)
            widths = [_measurement(each, options.coverage) for each in trained]
            width = learning_curve(widths, at)
            self._notes += [note for note in error.reasons if note not in self._notes]
        if missing:
            self._notes.append(
                f"{missing} trainings were not begun within {options.max_minutes:g} minutes; the "
                "same command goes on"
            )
        if options.curve and options.shorten < 1:
            self._notes.append(
                f"trainings have {self._steps} steps, {options.shorten:.0%} of those of the run: "
                "errors are those of such short trainings"
            )
        ranked, networks = self._rank(trained)
        calibrating = len(split.validation)
        counts = sorted({*COUNTS, *([calibrating] if calibrating else [])})
        return Plan(
            folder=self._folder,
            run=self._run,
            training_groups=len(split.train),
            held_back=tuple(self._held_back),
            calibration_groups=calibrating,
            trained=tuple(trained),
            steps=self._steps if options.curve else None,
            shorten=options.shorten,
            missing=missing,
            error=error,
            width=width,
            coverage_level=options.coverage,
            coverage=tuple(coverage_outlook(n, level) for n in counts for level in LEVELS),
            ranked=tuple(ranked),
            networks=networks,
            notes=tuple(self._notes),
        )

    def _train(self) -> tuple[list[Trained], int]:
        """Train on each subset, and measure; also how many trainings were not begun."""
        if self._store is None:
            return [], 0
        load_tensorflow()
        started, options = time.monotonic(), self._options
        self._say_how_long()
        found: list[Trained] = []
        for number, subset in enumerate(self._subsets):
            late = options.max_minutes is not None and (
                time.monotonic() - started > 60 * options.max_minutes
            )
            if late and not self._is_known(subset):
                return found, len(self._subsets) - number
            logger.info(
                f"training {number + 1} of {len(self._subsets)}: draw {subset.draw}, "
                f"{', '.join(subset.groups)}"
            )
            found.append(self._trained(subset))
        return found, 0

    def _trained(self, subset: Subset) -> Trained:
        import keras

        from hrpn_tf.training.fit_to_end import fit_to_the_end

        assert self._store is not None
        run, record = self._run, self._folder / _RECORDS / f"{subset.name}.json"
        if not self._is_run_itself(subset):
            folder = self._folder / _TRAININGS / subset.name
            config = subset_config(run, subset, self._steps)
            fit_to_the_end(self._store.path, folder, config, progress=self._progress)
            run = open_run(folder)
        errors = measured(run, self._store, self._held_back, record)
        keras.utils.clear_session()  # otherwise the graphs of every network would stay in memory
        return Trained(subset, run, errors)

    def _is_run_itself(self, subset: Subset) -> bool:
        """All groups, the seed and the steps of the run: it is trained already."""
        everything = len(subset.groups) == len(self._run.split.train)
        return everything and subset.draw == 1 and self._options.shorten == 1

    def _is_known(self, subset: Subset) -> bool:
        record = self._folder / _RECORDS / f"{subset.name}.json"
        return self._is_run_itself(subset) or record.is_file()

    def _say_how_long(self) -> None:
        left = [each for each in self._subsets if not self._is_known(each)]
        speed = self._run.records.resources.get("steps_per_second")
        if left and isinstance(speed, int | float) and speed > 0:
            seconds = len(left) * self._steps / speed
            logger.info(
                f"{len(left)} trainings of {self._steps} steps: about {format_seconds(seconds)} at "
                "the speed of the run; interrupted, the same command goes on"
            )

    def _rank(self, trained: Sequence[Trained]) -> "tuple[list[Ranked], int]":
        from hrpn_tf.workflows.plan.ranking import rank_candidates

        if self._profile is None:
            return [], 0
        networks = committee(self._run, trained, self._others)
        if len(networks) < 2:
            networks = []
            self._notes.append(
                "one network cannot disagree with itself: candidates are ranked by their distance "
                "from the training slides alone; add runs with --ensemble"
            )
        load_tensorflow()
        ranked = rank_candidates(
            self._run, self._slides, self._jobs, networks, self._profile, progress=self._progress
        )
        return ranked, len(networks)


def committee(run: Run, trained: Sequence[Trained], others: Sequence[Run]) -> list[Run]:
    """Networks that know enough to disagree sensibly: of half of the training groups or more."""
    half = len(run.split.train) / 2
    able = [each.run for each in trained if len(each.subset.groups) >= half]
    return list(dict.fromkeys([run, *able, *others]))


def _measurement(trained: Trained, coverage: float | None) -> Measurement:
    """The mean squared errors of a training, or the widths of its intervals."""
    each = trained.errors.values()
    values = [e.mse if coverage is None else e.width(coverage) for e in each]
    return Measurement(
        len(trained.subset.groups), trained.subset.draw, tuple(max(v, _TINY) for v in values)
    )


def _open_store(run: Run, options: PlanOptions) -> "PatchStore":
    """The patch dataset of the run.

    Raises:
        StoreError: it is gone, or another one.
    """
    from hrpn_tf.data.store import open_store

    path = options.store or run.patch_dataset
    if not identity_file(path).is_file():
        raise StoreError(
            f"{path}: the patch dataset of {run} is gone, and a learning curve trains on parts of "
            "it; name its place with --store, or plan without a curve: --no-curve"
        )
    return open_store(run.check_dataset(path))
