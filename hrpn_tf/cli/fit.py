"""``hrpn-tf fit``: train a network on a patch dataset, or on simulated slides."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hrpn_tf.cli.options import (
    config_options,
    option_group,
    out_option,
    overwrite_option,
    preset_option,
    start_options,
)
from hrpn_tf.cli.show import show
from hrpn_tf.config import load_config
from hrpn_tf.errors import UsageError
from hrpn_tf.keras_backend import BACKENDS
from hrpn_tf.losses import LOSSES
from hrpn_tf.runs.folder import BEST

if TYPE_CHECKING:
    from hrpn_tf.workflows.streaming import SimulatedSlides

_LOSSES = "".join(f"  {each.name:<15}{each.formula}\n" for each in LOSSES.values())


def _simulated(
    simulate: int | None,
    simulate_validation: int | None,
    simulate_first: int | None,
    simulate_processes: int | None,
    keep: bool,
) -> "SimulatedSlides | None":
    """What is simulated; None for nothing.

    Raises:
        UsageError: an option is of use only with ``--simulate``.
    """
    if simulate is not None:
        from hrpn_tf.workflows.streaming import SimulatedSlides

        return SimulatedSlides(
            simulate, simulate_validation, simulate_first, simulate_processes, keep
        )
    for option, value in (
        ("--simulate-validation", simulate_validation),
        ("--simulate-first", simulate_first),
        ("--simulate-processes", simulate_processes),
        ("--keep", keep or None),
    ):
        if value is not None:
            raise UsageError(f"{option}: is for --simulate, which was not given")
    return None


_simulated_options = option_group(
    "simulated",
    _simulated,
    click.option(
        "--simulate",
        metavar="N",
        type=click.IntRange(min=1),
        help="Simulate N training slides while the network trains (section simulation of the "
        "configuration), instead of reading a patch dataset.",
    ),
    click.option(
        "--simulate-validation",
        metavar="K",
        type=click.IntRange(min=1),
        help="Number of validation slides, simulated before the training slides (default: a "
        "tenth of them, at least 2).",
    ),
    click.option(
        "--simulate-first",
        metavar="N",
        type=click.IntRange(min=1),
        help="Number of training slides that the first epoch draws from; later epochs draw from "
        "more, and the last one from all (default: as many as each epoch adds, at least 4).",
    ),
    click.option(
        "--simulate-processes",
        metavar="N",
        type=click.IntRange(min=1),
        help="Number of processes that simulate (default: one per four cores, at most 4). The "
        "result does not depend on it.",
    ),
    click.option(
        "--keep",
        is_flag=True,
        help="Keep the simulated training slides once they are cut into patches. Validation "
        "slides are always kept.",
    ),
)


@click.command(
    "fit",
    epilog="\b\nLosses for --set training.loss=NAME, or NAME+NAME; e = prediction - target:\n"
    + _LOSSES,
)
@click.argument("patches", type=click.Path(path_type=Path), required=False)
@out_option("Run folder to create or resume.")
@preset_option
@config_options
@start_options
@click.option(
    "--teacher",
    type=click.Path(path_type=Path),
    help="Run or bundle, e.g. of the mean of several runs, whose predictions are a part of the "
    "target; the part is training.distillation.",
)
@click.option(
    "--backend",
    type=click.Choice(BACKENDS),
    help="Framework that trains, training.backend of the configuration (default: tensorflow, or "
    "that of the run that is resumed). jax is for a GPU that is newer than TensorFlow's packages.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    help="Number of processes on this machine that share each batch (default: 1).",
)
@click.option(
    "--twin/--no-twin",
    default=True,
    help="Whether to make the ONNX twin of the network at the end, which predict runs without "
    "TensorFlow (default: where the extra onnx is installed).",
)
@_simulated_options
@overwrite_option
def command(
    patches: Path | None,
    out: Path,
    preset: str | None,
    config_source: str | None,
    overrides: tuple[str, ...],
    start: tuple[str, ...],
    teacher: Path | None,
    backend: str | None,
    workers: int,
    twin: bool,
    simulated: "SimulatedSlides | None",
    overwrite: bool,
) -> None:
    """Train a network on PATCHES, the dataset that hrpn-tf prepare makes.

    With --simulate N, slides are simulated while the network trains. Their patches go to PATCHES
    (default: OUT.simulated).

    With --from, the training starts from another network, with early stopping. That network is
    kept if no epoch is better.

    After an interruption, the same command resumes at the last checkpoint. Watch the training with:
    tensorboard --logdir OUT/logs

    All GPUs of a machine are used. For several machines, run this command on each of them, with the
    variable TF_CONFIG as TensorFlow documents it and an OUT that all of them can access.
    """
    from hrpn_tf.data.manifest import refuse_no_store

    if simulated is None:
        if patches is None:
            raise click.MissingParameter(param_type="argument", param_hint="'PATCHES'")
        refuse_no_store(patches)  # before TensorFlow loads
    elif workers > 1 or "TF_CONFIG" in os.environ:
        raise UsageError(
            "--simulate trains in one process; leave out --workers and TF_CONFIG, or make the "
            "slides beforehand with hrpn-tf simulate and hrpn-tf prepare"
        )
    overrides = (*overrides, *start)
    if preset is not None:
        overrides = (*overrides, f"model.preset={preset}")
    if teacher is not None:
        overrides = (*overrides, f"training.teacher={json.dumps(str(teacher))}")
    if backend is not None:
        overrides = (*overrides, f"training.backend={backend}")
    config = load_config(config_source, overrides)
    if workers > 1 and config.training.backend == "jax":
        raise UsageError("--workers: JAX trains in one process; leave the option out")
    if workers > 1 and "TF_CONFIG" not in os.environ:
        from hrpn_tf.training.workers import launch, own_command

        sys.exit(launch(own_command(), workers))
    from hrpn_tf.api.training import fit

    fitted = fit(patches, out, config, simulate=simulated, twin=twin, overwrite=overwrite)
    kept = (
        f"epoch {fitted.best_epoch}" if fitted.best_epoch else "the start, better than each epoch,"
    )
    early = " (stopped early)" if fitted.epochs < config.training.epochs else ""
    show(
        f"{out / BEST}: {kept} of {fitted.epochs}{early}, "
        f"validation MSE {fitted.metrics['val_mse']:.4g}, R2 {fitted.metrics['val_r2']:.3f}"
    )
