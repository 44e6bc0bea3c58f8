"""The number of steps that a training can make in a given time, from a measurement."""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from hrpn_tf.progress import format_seconds
from hrpn_tf.training.batches import Batches
from hrpn_tf.training.checkpoints import read_variables
from hrpn_tf.training.distribution import Devices
from hrpn_tf.training.normalisation import Estimator, normalisations
from hrpn_tf.training.plan import TrainingPlan, plan_for
from hrpn_tf.training.runtime import may_use_xla
from hrpn_tf.training.steps import Steps
from hrpn_tf.training.teacher import Teacher
from hrpn_tf.training.trained_model import TrainedModel

logger = logging.getLogger(__name__)

# Steps are measured for so long, s, but not fewer or more than these.
MEASURED_S = 5.0
FEWEST, MOST = 2, 50
FEW_BATCHES = 5  # a validation of fewer is measured twice


@dataclass(frozen=True)
class Speed:
    """Durations, s.

    Attributes:
        start: of the first step and the first validation beyond usual ones: graphs are built then.
        step: of an optimizer step with its data.
        validation: of a whole validation, with the statistics that are measured before it.
    """

    start: float
    step: float
    validation: float


def measure_plan(
    model: TrainedModel, batches: Batches, started: float, teacher: Teacher | None = None
) -> TrainingPlan:
    """The plan that ends ``training.minutes`` after ``started``.

    Runs a few steps and one validation, then restores all variables: the training that follows is
    the one that ``training.steps`` with the same number gives.

    Args:
        model: with the weights that the training begins with; they are left as they are.
        batches: of the training and validation set.
        started: when the training began, ``time.perf_counter()``.
        teacher: whose predictions are a part of the target, and of the time.

    Raises:
        ConfigError: the time is too short.
    """
    training, devices = batches.config.training, batches.devices
    before = read_variables(model)
    speed = _measure(model, batches, teacher)
    for name, variable in model.state_variables():
        variable.assign(before[name])
    assert training.minutes is not None
    # the graphs are built again: those that were measured hold another schedule
    left = 60 * training.minutes - (time.perf_counter() - started) - speed.start
    if training.start is not None:  # it is validated before the first step
        left -= speed.validation
    plan = plan_for(training, left=left, step=speed.step, validation=speed.validation)
    plan = TrainingPlan(int(_of_chief(devices, plan.total)), training.epochs)
    if devices.chief:
        logger.info(
            f"training.minutes={training.minutes:g}: a step takes {speed.step:.3g} s and a "
            f"validation {format_seconds(speed.validation)}, so the training has {plan.total} steps"
        )
    return plan


def _measure(model: TrainedModel, batches: Batches, teacher: Teacher | None) -> Speed:
    devices = batches.devices
    compile_xla = may_use_xla(batches.config.training)
    steps = Steps(model, devices, compile_xla=compile_xla, teacher=teacher)
    data = iter(batches.epoch(0, TrainingPlan(MOST + 2, 1)))
    times = _durations(steps.train(batch, False) for batch in data)
    first, second = islice(times, 2)
    # every process makes the same number of steps, or one would wait for the others for ever
    count = int(np.clip(MEASURED_S / _of_chief(devices, second), FEWEST, MOST))
    step = float(np.mean(list(islice(times, count))))
    with model.averaged():
        beginning = list(_durations(steps.test(batches.validation())))
        # a last batch of another size has a graph of its own, so a few durations tell little
        few = len(beginning) < FEW_BATCHES
        usual = list(_durations(steps.test(batches.validation()))) if few else beginning[1:]
    validation = float(np.median(usual)) * len(beginning)
    building, statistics = _measure_statistics(model, batches)
    return Speed(
        start=first - step + max(sum(beginning) - validation, 0.0) + building,
        step=step,
        validation=validation + statistics,
    )


def _measure_statistics(model: TrainedModel, batches: Batches) -> tuple[float, float]:
    """What the first measurement of batch statistics takes beyond a usual one, and a usual one."""
    training, network = batches.config.training, model.network
    count = training.reestimate_normalisation
    if not count or training.freeze == "body" or not normalisations(network):
        return 0.0, 0.0
    estimator = Estimator(network, batches.devices)
    epochs = (batches.after(0, 0, count) for _ in range(2))
    with model.averaged():
        first, usual = _durations(estimator.measure(each) for each in epochs)
    return max(first - usual, 0.0), usual


def _durations(work: Iterator[object]) -> Iterator[float]:
    """How long each piece of work takes, s."""
    started = time.perf_counter()
    for _ in work:
        ended = time.perf_counter()
        yield ended - started
        started = time.perf_counter()


def _of_chief(devices: Devices, value: float) -> float:
    """The number that the chief has; every process must call it."""
    return float(devices.add_up(np.array([value if devices.chief else 0.0]))[0])
