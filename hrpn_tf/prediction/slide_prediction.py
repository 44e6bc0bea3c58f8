"""Prediction of one slide in three steps, each of which may run in a separate process."""

import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from hrpn_tf.errors import (
    DiskFullError,
    MemoryBudgetError,
    NonFinitePredictionError,
    SlideChangedError,
    SlideFormatError,
)
from hrpn_tf.files import disk_full_as_named_error
from hrpn_tf.leftovers import clear
from hrpn_tf.prediction.anchor import AnchorSums, BlockMask
from hrpn_tf.prediction.anchoring import anchored_area, measure
from hrpn_tf.prediction.blocks import BlockMaker, TimedNetwork, check_values, to_grey_levels
from hrpn_tf.prediction.change import FileStates
from hrpn_tf.prediction.output import Output
from hrpn_tf.prediction.overlaps import KeptOverlaps
from hrpn_tf.prediction.planning import (
    SessionCost,
    SourceCost,
    TilePlan,
    in_words,
    largest_tile,
    plan_prediction,
    tile_for,
)
from hrpn_tf.prediction.probe import probe_session
from hrpn_tf.prediction.queues import ReadAhead, WriteBehind, within
from hrpn_tf.prediction.reading import TimedReads
from hrpn_tf.prediction.request import description, request
from hrpn_tf.prediction.seams import measure_seams
from hrpn_tf.prediction.shapes import needed_tiles
from hrpn_tf.prediction.started import StartedPrediction, StartRecord
from hrpn_tf.prediction.symmetries import extra_bytes_per_px
from hrpn_tf.prediction.task import PredictionTask
from hrpn_tf.prediction.tiling import Block
from hrpn_tf.prediction.tissue_map import TissueMap
from hrpn_tf.prediction.unfinished import Unfinished, Work
from hrpn_tf.slides.file_states import parts

T = TypeVar("T")
_GO_ON = "what is finished is kept: make room and run the same command again to go on"
# After these errors a prediction cannot resume: what was read or computed is wrong.
_SPOILT = (SlideFormatError, SlideChangedError, NonFinitePredictionError)


@dataclass(frozen=True)
class SlidePrediction(PredictionTask):
    """The prediction of a slide. The steps are ``begin``, ``compute``, ``finish``.

    Finished blocks are kept beside ``out`` (see ``Unfinished``). Several processes may compute
    different blocks at once, and every step may be repeated.

    Attributes: see :class:`PredictionTask`.
    """

    @property
    def unfinished(self) -> Unfinished:
        """The unfinished result."""
        return Unfinished(self.out)

    def work(self, begun: StartedPrediction) -> Work:
        """The folder that the blocks are written to."""
        return self.unfinished.work(begun.record.work)

    def begin(self, budget: int | None, restart: bool = False) -> StartedPrediction:
        """Plan the prediction, or resume an unfinished one.

        Args:
            budget: memory limit of this process, bytes.
            restart: discard an unfinished result of another network or with other settings.

        Raises:
            MemoryBudgetError: the prediction does not fit into the budget.
            UnfinishedError: the unfinished result differs, and ``restart`` is false.
        """
        unfinished = self.unfinished
        # before the checksums, so that every later change is noticed at the end
        states = self._in_time(lambda: FileStates.of(parts(self.slide.info)))
        with self._spoilt_is_discarded(states):
            origin = dict(self.origin())
            wanted = request(self, origin)
            resumed = unfinished.resume(wanted, restart)
            if resumed is not None and restart and not self._fits(resumed[0], budget):
                unfinished.discard()
                resumed = None
            plan, record = resumed or self._begin_anew(budget, origin, wanted)
        if not self._fits(plan, budget):
            assert budget is not None
            raise MemoryBudgetError(
                f"{self.out}: was begun with tiles that need {in_words(plan.bytes)}, where "
                f"{in_words(budget)} may be used; raise --max-ram, or start anew with --overwrite"
            )
        done = unfinished.work(record.work).journal().finished()
        left = tuple(i for i in range(len(plan.tiling)) if i not in done)
        # current states, not those of the start: files with equal checksums may be newer copies
        return StartedPrediction(plan, record, states, left)

    def compute(
        self, begun: StartedPrediction, indices: Sequence[int], advance: Callable[[Block], object]
    ) -> float:
        """Compute and store some blocks.

        Args:
            begun: result of :meth:`begin`.
            indices: indices of the blocks.
            advance: called with every finished block.

        Returns:
            Time spent in the network, s.

        Raises:
            NonFinitePredictionError: the network gives NaN or infinite values.
            SlideChangedError: the slide's files changed or vanished.
            StalledError: a drive does not answer.
            DiskFullError: the disk is full; finished blocks are kept.
        """
        plan, work = begun.plan, self.work(begun)
        journal, planes = work.journal(), self._output(plan, begun.record).open(work.pixels)
        tissue = TissueMap.load(work.tissue) if self.find_tissue is not None else None
        slide = KeptOverlaps(self.slide, self.channels, plan.tiling)
        maker = BlockMaker(slide, self.channels, plan.tiling, tissue, self.mask)
        network = TimedNetwork(self.network, maker)
        block = plan.tiling.block
        outside = [index for index in indices if not maker.wanted(block(index))]
        wanted = sorted(set(indices).difference(outside))
        for index in outside:
            advance(block(index))

        def store(block: Block, values: np.ndarray) -> None:
            with self._disk_full(_GO_ON):
                planes.write(block.y, block.x, values)
                journal.add(block.index)
            advance(block)

        limit = self.config.io_timeout
        with (
            self._spoilt_is_discarded(begun.states),
            WriteBehind(store, plan.write_behind, limit, f"{self.out}: writing") as writer,
            ReadAhead(
                maker.inputs(map(block, wanted)), plan.read_ahead, limit, self._reading
            ) as inputs,
        ):
            for item in inputs:
                if item.tile is item.block.tiles[0]:
                    values = maker.start(item.block, len(self.session.contract.outputs))
                if self.observe is not None and item.pixels is not None:
                    self.observe(item.pixels)
                maker.add(values, item.tile, network(item.pixels))
                if item.last:
                    check_values(values, item.block, self.out.name)
                    # waiting blocks are converted already, and as small as on the disk
                    stored = to_grey_levels(maker.cut(item.block, values), planes.dtype)
                    writer.put(item.block, stored)
                    del values, stored
                del item
        with self._disk_full(_GO_ON):
            journal.add(*outside)
        return network.seconds

    def measure(self, begun: StartedPrediction) -> AnchorSums:
        """Sum the prediction over its anchored pixels; all blocks must be finished.

        The sums are kept beside the blocks, where other slides of the same animal are scaled by
        them.

        Raises:
            SlideChangedError: the slide's files changed or vanished since :meth:`begin`.
            DiskFullError: the disk is full; finished blocks are kept.
        """
        work, anchor = self.work(begun), self.anchor
        assert anchor is not None
        if (known := AnchorSums.load(work.sums)) is not None:
            return known
        planes = self._output(begun.plan, begun.record).open(work.pixels)
        slide = TimedReads(self.slide, self.config.io_timeout)
        tissue = None if anchor.find_tissue is None else BlockMask.load(work.anchored)
        with self._spoilt_is_discarded(begun.states), self._disk_full(_GO_ON):
            self._in_time(begun.states.check)
            sums = measure(anchor, tissue, planes, begun.plan.tiling, self.mask, slide)
            sums.save(work.sums)
        return sums

    def finish(self, begun: StartedPrediction, overwrite: bool) -> dict[str, Any] | None:
        """Write the result under its final name; all blocks must be finished.

        Returns:
            How the result was scaled, see ``AnchorTask.found``; None without an anchor.

        Raises:
            AnchorError: the result cannot be scaled to what was measured.
            SlideChangedError: the slide's files changed or vanished since :meth:`begin`.
            OutputExistsError: ``out`` exists and ``overwrite`` is false.
            DiskFullError: the disk is full; finished blocks are kept.
        """
        anchored = None
        if self.anchor is not None:
            anchored = self.anchor.found(self.measure(begun), self.out.name)
        plan, pixels = begun.plan, self.work(begun).pixels
        output = self._output(plan, begun.record, anchored)
        with self._spoilt_is_discarded(begun.states), self._disk_full(_GO_ON):
            self._in_time(begun.states.check)
            if anchored is None:
                output.finish(pixels, self.out, overwrite)
            else:
                output.finish_scaled(pixels, plan.tiling, anchored["factor"], self.out, overwrite)
        self.unfinished.discard()
        clear(self.out)
        return anchored

    def _begin_anew(
        self,
        budget: int | None,
        origin: Mapping[str, Any],
        wanted: Mapping[str, Any],
    ) -> tuple[TilePlan, StartRecord]:
        contract, unfinished, config = self.session.contract, self.unfinished, self.config
        info = self.slide.info
        tile = tile_for(self.session, config.tile, config.halo)
        tissue = None if self.find_tissue is None else self.find_tissue()
        plan = plan_prediction(
            self.area,
            stride_multiple=contract.stride_multiple,
            receptive_field=contract.receptive_field if contract.tile_exact else None,
            session=self._cost(largest_tile(self.area, contract, tile)),
            source=SourceCost(
                input_bytes_per_px=info.dtype.itemsize * len(self.channels),
                output_bytes_per_px=self.stored_dtype.itemsize * len(contract.outputs),
                outputs=len(contract.outputs),
                segment_bytes=info.segment_bytes,
                cache_bytes=self.cache_bytes,
            ),
            budget=budget,
            tile=tile,
            halo=config.halo,
            needed=needed_tiles(tissue, self.mask, (info.height, info.width)),
        )
        anchored, slide = None, TimedReads(self.slide, config.io_timeout)
        if self.anchor is not None:
            anchored = anchored_area(self.anchor, plan.tiling, self.mask, slide, self.out.name)
        seams = None
        if not (plan.tiling.exact or plan.tiling.blended):
            seams = measure_seams(self.network, slide, self.channels, plan.tiling, tissue)
        name = f"work-{secrets.token_hex(4)}"
        assessed = {} if self.assess is None else self.assess(tissue)
        # as read back from JSON, so that a process that resumes finds the same record
        found = StartRecord(origin, name, seams, assessed).to_json()
        record = StartRecord.from_json(json.loads(json.dumps(found)))
        work = unfinished.work(name)
        with self._disk_full("nothing was left there; make room or choose another disk"):
            if tissue is not None:
                tissue.save(work.tissue)
            if anchored is not None:
                anchored.save(work.anchored)
            self._output(plan, record).create(work.pixels, plan.tiling)
            unfinished.start(wanted, plan, record)
        return plan, record

    def _cost(self, largest: int) -> SessionCost:
        """Memory of the network; its orientations run one after another."""
        cost = probe_session(self.session, largest)
        extra = extra_bytes_per_px(self.session) if self.config.symmetries else 0
        return replace(cost, bytes_per_px=cost.bytes_per_px + extra)

    def _output(
        self, plan: TilePlan, record: StartRecord, anchored: Mapping[str, Any] | None = None
    ) -> Output:
        return Output(description(self, plan.tiling, record, anchored), self.config)

    def _fits(self, plan: TilePlan, budget: int | None) -> bool:
        # without max_ram the budget depends on the free memory; the existing plan is kept
        return budget is None or self.config.max_ram is None or plan.bytes <= budget

    @property
    def _reading(self) -> str:
        return f"{self.slide.info.path}: reading"

    def _in_time(self, look: Callable[[], T]) -> T:
        return within(self.config.io_timeout, self._reading, look)

    @contextmanager
    def _spoilt_is_discarded(self, states: FileStates) -> Iterator[None]:
        """Discard the unfinished result of a slide that is damaged or changed while it is read."""
        try:
            try:
                yield
            except (SlideFormatError, OSError):
                # a changed file explains more than the error that was met in it
                self._in_time(states.check)
                raise
        except _SPOILT:
            self.unfinished.discard()
            raise

    @contextmanager
    def _disk_full(self, advice: str) -> Iterator[None]:
        """Report a full disk as an error of the result, whichever file did not fit."""
        try:
            with disk_full_as_named_error(self.out):
                yield
        except DiskFullError as error:
            reason = getattr(error.__cause__, "strerror", "no space left")
            raise DiskFullError(f"{self.out}: {reason} while writing; {advice}") from None
