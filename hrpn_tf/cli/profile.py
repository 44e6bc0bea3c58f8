"""``hrpn-tf profile``: describe the training slides of a run."""

from pathlib import Path

import click

from hrpn_tf.console import load_tensorflow


@click.command("profile")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--store",
    type=click.Path(path_type=Path),
    help="Store of patches that the run was fitted on, where it has been moved.",
)
def command(run: Path, store: Path | None) -> None:
    """Describe the training slides of RUN, so that predict can tell which slides are unlike them.

    The fit command does this at its end; this one is for runs of before, and for trainings that
    were stopped. RUN/training-profile.npz is replaced.
    """
    load_tensorflow()
    from hrpn_tf.evaluation.out_of_distribution import NAME
    from hrpn_tf.workflows.training_profile import describe_profile, write_profile

    profile = write_profile(run, store)
    click.echo(f"{run / NAME}: {describe_profile(profile)}")
