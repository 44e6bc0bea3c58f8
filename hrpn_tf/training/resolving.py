"""The configuration of a training as it is recorded: all that was left open, as numbers."""

import logging
from typing import TYPE_CHECKING

from hrpn_tf.config import Config
from hrpn_tf.data.window import window_of
from hrpn_tf.training.checks import adopt_preset, adopt_store
from hrpn_tf.training.fine_tuning import chosen_defaults

if TYPE_CHECKING:
    from hrpn_tf.data.store import PatchStore

logger = logging.getLogger(__name__)

# The rule of ``auto``: a crop that surrounds a core of so many pixels with the halo of the network,
# but at most with half the core: larger crops show fewer places in the same time.
AUTO_CORE = 128
LARGEST_MARGIN = 1 / 4  # of the side of the crop, for a context that does not count


def resolve(config: Config, store: "PatchStore", *, shown: bool = False) -> Config:
    """The configuration with the values of patch dataset, preset and network where it has none.

    Args:
        config: as given.
        store: the patch dataset.
        shown: say in one line each what was chosen for ``auto``, and which defaults a training
            that starts from another network uses.

    Raises:
        ConfigError: it contradicts the patch dataset, or names an unknown preset.
        StoreError: the patch dataset states settings that make no sense.
    """
    given = config.training.model_dump(exclude_unset=True)
    config = adopt_preset(config)
    chosen = chosen_defaults(given, config.training) if config.training.start else ""
    if shown and chosen:
        logger.info(f"fine-tuning uses {chosen}; other values with --set")
    return adopt_network(adopt_store(config, store), shown=shown)


def adopt_network(config: Config, *, shown: bool = False) -> Config:
    """The configuration with numbers in place of ``auto``; builds a network if there is any.

    Args:
        config: with the values of preset and patch dataset.
        shown: say in one line what was chosen.
    """
    if "auto" not in (config.training.crop, config.training.context):
        return config
    from hrpn_tf.models.build import build_model
    from hrpn_tf.models.graph import receptive_field, stride_multiple

    network = build_model(config.model.preset, len(config.data.inputs))
    field, multiple = receptive_field(network), stride_multiple(network)
    halo = None if field is None else field // 2
    config = adopt_context(config, halo, multiple)
    if shown:
        logger.info(_chosen(config, halo))
    return config


def adopt_context(config: Config, halo: int | None, stride_multiple: int) -> Config:
    """The configuration with numbers in place of ``auto`` in ``training.crop`` and ``.context``.

    ``crop: auto`` is a core of 128 px with the halo on both sides, but at most 64 px (or
    ``context`` where that is more), rounded up to the stride multiple, and no larger than the
    patch. ``context: auto`` is the halo, but at most a quarter of the crop. A network whose output
    depends on the whole input has no halo: it is trained on whole patches, without context.

    Args:
        config: the resolved configuration.
        halo: of the network, px; None if the whole input matters.
        stride_multiple: of the network, px.

    Example:
        >>> from hrpn_tf.config import load_config
        >>> config = load_config(overrides=["training.context=auto"])
        >>> training = adopt_context(config, halo=141, stride_multiple=16).training
        >>> training.crop, training.context
        (256, 64)
    """
    training, patch = config.training, config.data.patch
    crop, context = training.crop, training.context
    if crop == "auto":
        half = AUTO_CORE // 2
        margin = max(min(halo or 0, half), context if isinstance(context, int) else 0)
        side = -(-(AUTO_CORE + 2 * margin) // stride_multiple) * stride_multiple
        crop = patch if halo is None else min(patch, side)
    side = crop if isinstance(crop, int) else patch
    if context == "auto":
        context = min(halo or 0, int(side * LARGEST_MARGIN))
    resolved = training.model_copy(update={"crop": crop, "context": context})
    return config.model_copy(update={"training": resolved})


def _chosen(config: Config, halo: int | None) -> str:
    """What ``auto`` became, and why."""
    window = window_of(config.training, config.data.patch)
    reach = "depends on its whole input" if halo is None else f"has a halo of {halo} px"
    crop = "null" if config.training.crop is None else config.training.crop
    count = f", of which {window.core} x {window.core} px count" if window.context else ""
    return (
        f"{config.model.preset} {reach}: training.crop={crop}, training.context={window.context}; "
        f"the network sees {window.side} x {window.side} px{count}"
    )
