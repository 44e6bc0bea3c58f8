"""``hrpn-tf import-weights``: a published PyTorch checkpoint becomes a run folder."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
from hrpn_export import Contract

from hrpn_tf.cli.options import config_options, out_option, overwrite_option, pixel_size_option
from hrpn_tf.config import RUN_CONFIG, Config, load_config, to_yaml
from hrpn_tf.console import load_tensorflow
from hrpn_tf.files import atomic_path, refuse_existing

if TYPE_CHECKING:
    import keras


@click.command("import-weights")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@out_option("the run folder")
@config_options
@pixel_size_option
@click.option(
    "--grey-max",
    type=click.FloatRange(min=0, min_open=True),
    default=255.0,
    show_default=True,
    help="Largest grey level of the type of the slides it was trained on.",
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
    config = load_config(config_source, (*overrides, "model.preset=hrpn-published"))
    load_tensorflow()
    from hrpn_tf.models.build import build_model
    from hrpn_tf.models.import_torch import load_state_dict, read_checkpoint

    state = read_checkpoint(checkpoint)
    model = build_model(config.model.preset, inputs=len(config.data.inputs))
    load_state_dict(model, state)
    with atomic_path(out, overwrite) as folder:
        folder.mkdir()
        model.save(folder / "best.keras")
        contract = _contract(model, config, pixel_size_um, grey_max)
        (folder / "contract.json").write_text(contract.to_json(), encoding="utf-8")
        (folder / RUN_CONFIG).write_text(to_yaml(config), encoding="utf-8")
    click.echo(f"{out}: hrpn-published with the weights of {checkpoint}")


def _contract(
    model: "keras.Model", config: Config, pixel_size_um: float | None, grey_max: float
) -> Contract:
    from hrpn_tf.models.graph import receptive_field, stride_multiple

    field = receptive_field(model)
    return Contract(
        inputs=config.data.inputs,
        outputs=(config.data.target,),
        pixel_size_um=pixel_size_um,
        stride_multiple=stride_multiple(model),
        receptive_field=field,
        tile_exact=field is not None,
        grey_max=grey_max,
    )
