"""``hrpn-tf describe-training``: describe the training slides of a run."""

from pathlib import Path

import click

from hrpn_tf.cli.options import store_option
from hrpn_tf.cli.show import show
from hrpn_tf.console import load_tensorflow


@click.command("describe-training")
@click.argument("run", type=click.Path(path_type=Path))
@store_option
def command(run: Path, store: Path | None) -> None:
    """Describe the training slides of RUN, for predict to detect slides unlike them.

    hrpn-tf fit does this at its end. Use this command for runs of earlier versions and for
    trainings that were stopped. RUN/training-profile.npz is replaced.
    """
    from hrpn_tf.runs import open_run

    opened = open_run(run)
    load_tensorflow()
    from hrpn_tf.workflows.training_profile import describe_profile, write_profile

    profile = write_profile(opened, store)
    show(f"{opened.training_profile}: {describe_profile(profile)}")
