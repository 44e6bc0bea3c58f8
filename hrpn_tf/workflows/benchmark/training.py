"""The scenario ``training`` of benchmarks: one step of the optimizer, again and again."""

from collections.abc import Callable

from hrpn_benchmarks.errors import BenchmarkError
from hrpn_benchmarks.measures import Measured, Samples
from hrpn_benchmarks.scenarios.abilities import Trainable
from hrpn_benchmarks.scenarios.scenario import Scenario, ScenarioContext
from hrpn_benchmarks.scenarios.sessions import WARM_UP, noise
from hrpn_benchmarks.trackers.timing import PeakMemory, repeat, warm_up

from hrpn_tf.workflows.benchmark.keras_model import load_keras

Step = Callable[[], object]


def training(job: ScenarioContext) -> Measured:
    """A step on ``cell.batch`` patches of ``cell.side`` px of noise, which are in memory already.

    Of a bundle it is the step of ``hrpn-tf fit`` with the default configuration: float32, mean
    squared error, clipped gradients, AdamW, and the sums that the training reports. Of a generative
    adversarial network it is the generator alone: a bundle holds no discriminator. A peer takes
    part whose session is :class:`~hrpn_benchmarks.scenarios.abilities.Trainable`.

    Raises:
        BenchmarkError: a peer cannot be trained.
    """
    step, memory = _step_of_peer(job) if job.cell.peer else _step_of_bundle(job), PeakMemory()
    with memory.watch():  # the first step is what makes memory grow
        warm_up(step, WARM_UP)
        job.together()
        samples = repeat(step, job.cell.seconds)
    speed = tuple(job.cell.batch / seconds for seconds in samples.values)
    return Measured(
        measures={
            "step": samples,
            "throughput": Samples(unit="patch/s", values=speed),
            **memory.measures,
        }
    )


TRAINING = Scenario("training", training, "patch", formats=("keras",))


def _step_of_peer(job: ScenarioContext) -> Step:
    session, cell = job.open(), job.cell
    if not isinstance(session, Trainable):
        raise BenchmarkError(f"{cell.peer} gives a session without train(batch, target)")
    contract, trained = session.contract, session
    batch = noise(contract, len(contract.inputs), cell.batch, cell.side)
    target = noise(contract, len(contract.outputs), cell.batch, cell.side)
    contract.check(batch)
    return lambda: trained.train(batch, target)


def _step_of_bundle(job: ScenarioContext) -> Step:
    network, contract = load_keras(job.cell)
    import tensorflow as tf

    from hrpn_tf.config import TrainingConfig
    from hrpn_tf.training.distribution import choose_devices
    from hrpn_tf.training.losses import build_loss
    from hrpn_tf.training.optimizers import build_optimizer
    from hrpn_tf.training.runtime import may_use_xla, prepare_runtime
    from hrpn_tf.training.steps import Steps
    from hrpn_tf.training.trained_model import RegressionModel

    config, cell = TrainingConfig(), job.cell
    prepare_runtime(config)
    optimizer = build_optimizer(
        config.optimizer, network.trainable_variables, 10_000, ema=config.ema, scale_loss=False
    )
    # a unit of one grey level: what counts as one changes the loss, and no time
    model = RegressionModel(network, optimizer, build_loss(config.loss, 1.0))
    steps = Steps(model, choose_devices(), compile_xla=may_use_xla(config))
    batch = noise(contract, len(contract.inputs), cell.batch, cell.side)
    target = noise(contract, len(contract.outputs), cell.batch, cell.side)
    contract.check(batch)
    data = tf.constant(batch), tf.constant(target)
    return lambda: steps.train(data, False)
