"""The scenario ``training`` of benchmarks: repeated steps of the optimizer."""

from collections.abc import Callable

from hrpn_benchmarks.errors import BenchmarkError
from hrpn_benchmarks.measures import Measured, Samples
from hrpn_benchmarks.scenarios.abilities import Trainable
from hrpn_benchmarks.scenarios.scenario import Scenario, ScenarioContext
from hrpn_benchmarks.scenarios.sessions import WARM_UP, noise
from hrpn_benchmarks.trackers.timing import PeakMemory, repeat, warm_up

from hrpn_tf.workflows.benchmark.keras_model import load_keras

Step = Callable[[], object]


def training(context: ScenarioContext) -> Measured:
    """Train on ``case.batch`` patches of ``case.side`` px of noise, which are in memory already.

    For a bundle this is a step of ``hrpn-tf fit`` with the default configuration: float32, mean
    squared error, clipped gradients, AdamW, and the sums that the training reports. For a
    generative adversarial network it is the generator alone: a bundle holds no discriminator. A
    baseline implementation takes part if its session is
    :class:`~hrpn_benchmarks.scenarios.abilities.Trainable`.

    Raises:
        BenchmarkError: a baseline implementation cannot be trained.
    """
    step = _step_of_baseline(context) if context.case.peer else _step_of_bundle(context)
    memory = PeakMemory()
    with memory.watch():  # memory grows most in the first step, so watch that too
        warm_up(step, WARM_UP)
        context.together()
        samples = repeat(step, context.case.seconds)
    speed = tuple(context.case.batch / seconds for seconds in samples.values)
    return Measured(
        measures={
            "step": samples,
            "throughput": Samples(unit="patch/s", values=speed),
            **memory.measures,
        }
    )


TRAINING = Scenario("training", training, "patch", formats=("keras",))


def _step_of_baseline(context: ScenarioContext) -> Step:
    session, case = context.open(), context.case
    if not isinstance(session, Trainable):
        raise BenchmarkError(f"{case.peer} gives a session without train(batch, target)")
    contract, trained = session.contract, session
    batch = noise(contract, len(contract.inputs), case.batch, case.side)
    target = noise(contract, len(contract.outputs), case.batch, case.side)
    contract.check(batch)
    return lambda: trained.train(batch, target)


def _step_of_bundle(context: ScenarioContext) -> Step:
    network, contract = load_keras(context.case)
    import tensorflow as tf

    from hrpn_tf.config import TrainingConfig
    from hrpn_tf.training.distribution import choose_devices
    from hrpn_tf.training.losses import build_loss
    from hrpn_tf.training.optimizers import build_optimizer
    from hrpn_tf.training.runtime import may_use_xla, prepare_runtime
    from hrpn_tf.training.steps import Steps
    from hrpn_tf.training.trained_model import RegressionModel

    config, case = TrainingConfig(), context.case
    prepare_runtime(config)
    optimizer = build_optimizer(
        config.optimizer, network.trainable_variables, 10_000, ema=config.ema, scale_loss=False
    )
    # a target unit of one grey level; it scales the loss and does not affect the time
    model = RegressionModel(network, optimizer, build_loss(config.loss, 1.0))
    steps = Steps(model, choose_devices(), compile_xla=may_use_xla(config))
    batch = noise(contract, len(contract.inputs), case.batch, case.side)
    target = noise(contract, len(contract.outputs), case.batch, case.side)
    contract.check(batch)
    data = tf.constant(batch), tf.constant(target)
    return lambda: steps.train(data, False)
