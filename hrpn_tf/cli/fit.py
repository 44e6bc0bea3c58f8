"""``hrpn-tf fit``: train a network on a store of patches."""

import json
import os
import sys
from pathlib import Path

import click

from hrpn_tf.api.training import fit
from hrpn_tf.cli.options import config_options, out_option, overwrite_option, preset_option
from hrpn_tf.cli.show import show
from hrpn_tf.config import load_config
from hrpn_tf.data.manifest import refuse_no_store
from hrpn_tf.losses import LOSSES
from hrpn_tf.runs.folder import BEST

_LOSSES = "".join(f"  {each.name:<15}{each.formula}\n" for each in LOSSES.values())


@click.command(
    "fit",
    epilog="\b\nLosses for --set training.loss=NAME, or NAME+NAME; e = prediction - target:\n"
    + _LOSSES,
)
@click.argument("store", type=click.Path(path_type=Path))
@out_option("Run folder to create or resume.")
@preset_option
@config_options
@click.option(
    "--teacher",
    type=click.Path(path_type=Path),
    help="Run or bundle, e.g. of the mean of several runs, whose predictions are a part of the "
    "target; the part is training.distillation.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    help="Number of processes on this machine that share each batch (default: 1).",
)
@overwrite_option
def command(
    store: Path,
    out: Path,
    preset: str | None,
    config_source: str | None,
    overrides: tuple[str, ...],
    teacher: Path | None,
    workers: int,
    overwrite: bool,
) -> None:
    """Train a network on the patches in STORE.

    An interrupted training goes on after its last checkpoint when the same command is run again.
    Watch it with: tensorboard --logdir OUT/logs

    All GPUs of a machine are used. For several machines, run this command on each, with the
    variable TF_CONFIG that TensorFlow documents and an OUT that all of them see.
    """
    refuse_no_store(store)  # before TensorFlow loads
    if preset is not None:
        overrides = (*overrides, f"model.preset={preset}")
    if teacher is not None:
        overrides = (*overrides, f"training.teacher={json.dumps(str(teacher))}")
    config = load_config(config_source, overrides)
    if workers > 1 and "TF_CONFIG" not in os.environ:
        from hrpn_tf.training.workers import launch, own_command

        sys.exit(launch(own_command(), workers))
    fitted = fit(store, out, config, overwrite=overwrite)
    early = " (stopped early)" if fitted.epochs < config.training.epochs else ""
    show(
        f"{out / BEST}: epoch {fitted.best_epoch} of {fitted.epochs}{early}, "
        f"validation MSE {fitted.metrics['val_mse']:.4g}, R2 {fitted.metrics['val_r2']:.3f}"
    )
