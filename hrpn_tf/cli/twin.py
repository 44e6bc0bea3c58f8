"""``hrpn-tf twin``: the network of a run once more, for predictions without TensorFlow."""

from pathlib import Path

import click

from hrpn_tf.cli.options import store_option
from hrpn_tf.cli.show import show
from hrpn_tf.console import load_tensorflow


@click.command("twin")
@click.argument("run", type=click.Path(path_type=Path))
@store_option
def command(run: Path, store: Path | None) -> None:
    """Make the twin of the network of RUN: an ONNX file that predict runs without TensorFlow.

    hrpn-tf fit does this at its end. Use this command for runs of earlier versions, for trainings
    with --no-twin, and after best.keras has changed. The twin is compared with the Keras model on
    held-out patches, and is not written if it exceeds the limit of fp32. RUN/twin is replaced.
    """
    from hrpn_tf.runs import open_run
    from hrpn_tf.workflows.export.twin import refuse_no_packages, write_twin

    opened = open_run(run)
    refuse_no_packages()
    load_tensorflow()
    for entry in write_twin(opened, store):
        text = f"not usable: {entry.problem}"
        if entry.problem is None:
            largest = max(each.largest for each in entry.measured)
            text = f"differs from Keras by at most {largest:.2g} grey levels; certified"
        show(f"{opened.twin}: {entry.runtime} {entry.version} {text}")
