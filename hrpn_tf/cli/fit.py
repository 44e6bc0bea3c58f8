"""``hrpn-tf fit``: train a network on a store of patches."""

from pathlib import Path

import click

from hrpn_tf.cli.options import config_options, out_option, overwrite_option
from hrpn_tf.cli.quiet import load_tensorflow
from hrpn_tf.config import load_config


@click.command("fit")
@click.argument("store", type=click.Path(path_type=Path))
@out_option("the run folder")
@config_options
@overwrite_option
def command(
    store: Path, out: Path, config_source: str | None, overrides: tuple[str, ...], overwrite: bool
) -> None:
    """Train a network on the patches in STORE.

    An interrupted training goes on after its last finished epoch when the same command is run
    again. Watch it with: tensorboard --logdir OUT/logs
    """
    config = load_config(config_source, overrides)
    load_tensorflow()
    from hrpn_tf.training.fit import fit

    state = fit(store, out, config, overwrite=overwrite)
    best = state.history[state.best_epoch - 1]
    click.echo(
        f"{out / 'best.keras'}: epoch {state.best_epoch} of {state.epoch}, "
        f"validation MSE {best['val_mse']:.4g}, R2 {best['val_r2']:.3f}"
    )
