"""``hrpn-tf import-weights``: a published PyTorch checkpoint becomes a run folder."""

from pathlib import Path

import click

from hrpn_tf.cli.options import config_options, out_option, overwrite_option, pixel_size_option
from hrpn_tf.cli.show import show
from hrpn_tf.config import load_config
from hrpn_tf.console import load_tensorflow
from hrpn_tf.files import refuse_existing, refuse_lost_inputs


@click.command("import-weights")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@out_option("Run folder to create.")
@config_options
@pixel_size_option
@click.option(
    "--grey-max",
    type=click.FloatRange(min=0, min_open=True),
    default=255.0,
    help="Largest intensity of the data type of the training slides (default: 255).",
)
@overwrite_option
def command(
    checkpoint: Path,
    out: Path,
    config_source: str | None,
    overrides: tuple[str, ...],
    pixel_size_um: float | None,
    grey_max: float,
    overwrite: bool,
) -> None:
    """Load CHECKPOINT, a PyTorch state dict of the published HRPN, into hrpn-published.

    Only tensors are read; nothing in the file is executed. OUT is then used as the run folder of
    a training is. The configuration's data.inputs and data.target name the channels, in the order
    the network was trained with; --pixel-size states the pixel size of its training slides.
    """
    refuse_existing(out, overwrite)
    refuse_lost_inputs(out, (checkpoint,))
    config = load_config(config_source, (*overrides, "model.preset=hrpn-published"))
    load_tensorflow()
    from hrpn_tf.models.build import build_model
    from hrpn_tf.models.contract import contract_of
    from hrpn_tf.models.import_torch import load_state_dict, read_checkpoint
    from hrpn_tf.runs.writing import create_imported_run
    from hrpn_tf.training.resolving import adopt_network

    state = read_checkpoint(checkpoint)
    model = build_model(config.model.preset, inputs=len(config.data.inputs))
    load_state_dict(model, state)
    contract = contract_of(
        model,
        inputs=config.data.inputs,
        target=config.data.target,
        pixel_size_um=pixel_size_um,
        grey_max=grey_max,
        reference_levels=config.data.reference_levels,
    )
    config = adopt_network(config)
    create_imported_run(out, config=config, contract=contract, network=model, overwrite=overwrite)
    show(f"{out}: hrpn-published with the weights of {checkpoint}")
