"""The contract of a network: what it expects and gives, half of it read off its graph."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hrpn_export import Contract

from hrpn_tf.models.graph import receptive_field, stride_multiple

if TYPE_CHECKING:
    import keras


def contract_of(
    network: "keras.Model",
    *,
    inputs: Sequence[str],
    target: str,
    pixel_size_um: float | None,
    grey_max: float,
    reference_levels: tuple[tuple[float, float], ...] | None = None,
) -> Contract:
    """The contract of a network that was trained on some channels.

    The stride multiple and the receptive field are read off the graph.

    Args:
        network: from (N, H, W, inputs) to (N, H, W, 1), grey levels.
        inputs: channel roles, in the network's order.
        target: the role that it predicts.
        pixel_size_um: of the training slides, um per pixel; None if they state none.
        grey_max: largest intensity of their type.
        reference_levels: see ``Contract``.

    Raises:
        ModelGraphError: the graph does not fit together.
    """
    field = receptive_field(network)
    return Contract(
        inputs=tuple(inputs),
        outputs=(target,),
        pixel_size_um=pixel_size_um,
        stride_multiple=stride_multiple(network),
        receptive_field=field,
        tile_exact=field is not None,
        grey_max=grey_max,
        reference_levels=reference_levels,
    )
