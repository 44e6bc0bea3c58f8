"""What a training takes of the network that it starts from, and how it says so."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from hrpn_tf.config import Config
from hrpn_tf.data.window import window_of
from hrpn_tf.errors import CheckpointError, ModelGraphError, StartError
from hrpn_tf.models.build import build_discriminator
from hrpn_tf.models.channel_map import ChannelMap, map_inputs, map_outputs
from hrpn_tf.models.presets import find_preset
from hrpn_tf.models.transfer import LayerTransfer, Transfer, transfer_weights
from hrpn_tf.runs.agreement import alike_roles
from hrpn_tf.runs.folder import CHECKPOINTS
from hrpn_tf.runs.source import Source
from hrpn_tf.training.adversarial import AdversarialModel
from hrpn_tf.training.checkpoints import list_checkpoints, read_part
from hrpn_tf.training.runtime import dtype_policy
from hrpn_tf.training.trained_model import TrainedModel

if TYPE_CHECKING:
    from hrpn_export import Contract

logger = logging.getLogger(__name__)

# With less in common, two networks are two presets, of which some small layers agree by chance.
LEAST_SHARE = 0.5


@dataclass(frozen=True)
class Transplant:
    """What a training takes of another network.

    Attributes:
        source: the network.
        config: resolved, of the training.
        inputs, outputs: how the channels are made of its channels.
        network: what becomes of the layers.
        discriminator: of those of the discriminator; None if it starts anew, or there is none.
        grey_max: largest intensity of the new slides.
    """

    source: Source
    config: Config
    inputs: ChannelMap
    outputs: ChannelMap
    network: Transfer
    discriminator: Transfer | None
    grey_max: float

    def apply(self, trained: TrainedModel, *, shown: bool) -> None:
        """Give the weights to the networks in training, and say so if they are to be shown."""
        if shown:
            self._say()
        self.network.apply(trained.network)
        if self.discriminator is not None and isinstance(trained, AdversarialModel):
            self.discriminator.apply(trained.discriminator)

    def record(self) -> dict[str, Any]:
        """For the run folder, as plain values."""
        contract = self.source.contract
        return {
            "path": self.source.name,
            "sha256": self.source.sha256,
            "preset": self.config.model.preset,
            "contract": None if contract is None else contract.fields(),
            "inputs": list(self.inputs.notes),
            "outputs": list(self.outputs.notes),
            "unused_inputs": list(self.inputs.unused),
            "network": _record(self.network),
            "discriminator": self.discriminator and _record(self.discriminator),
        }

    def _say(self) -> None:
        """Log a table of the layers, and what else is taken or not."""
        name, preset = self.source.name, find_preset(self.config.model.preset)
        logger.info(f"start from {name}: {_sum(self.network)}")
        for line in table(self.network, self.inputs, self.outputs):
            logger.info(line)
        self._say_inputs()
        if self.config.training.adversarial is not None:
            taken = self.discriminator
            logger.info(f"discriminator: {'starts anew' if taken is None else _sum(taken)}")
        if preset.scaling != "none":
            logger.info(
                "grey levels are scaled by the training slides of this run, not by those of the "
                "start"
            )
        elif self.source.contract and self.source.contract.grey_max != self.grey_max:
            logger.warning(
                f"{preset.name} takes raw grey levels: {name} was trained up to "
                f"{self.source.contract.grey_max:g}, and these slides go up to {self.grey_max:g}"
            )

    def _say_inputs(self) -> None:
        """Log which inputs were matched by more than their names, and which are not used."""
        name = self.source.name
        matched = "; ".join(note for note in self.inputs.notes if ": " in note)
        if self.inputs.by_position:
            logger.warning(
                f"{name} has no input of these names, so they are taken by their order: {matched}; "
                "if that is wrong, give the inputs the names that it has, or another order"
            )
        elif matched:
            logger.info(f"inputs: {matched}")
        if self.inputs.unused:
            logger.warning(
                f"{name} also takes {', '.join(self.inputs.unused)}, which is not used here; if a "
                "channel shows the same under another name, give it the same role"
            )


def plan_transplant(
    source: Source, trained: TrainedModel, config: Config, contract: "Contract", core: int
) -> Transplant:
    """Match the layers of a source to those of the networks in training; nothing is changed.

    Args:
        source: the network to start from.
        trained: built.
        config: resolved.
        contract: of the network in training.
        core: side of what the discriminator sees, px.

    Raises:
        StartError: it is another network, its channels cannot be adapted, or layers that would be
            frozen are not in it.
        CheckpointError, BundleError: it is damaged.
    """
    old = source.load()
    inputs, outputs = _channel_maps(source, old, contract)
    try:
        found = transfer_weights(old, trained.network, inputs, outputs)
    except ModelGraphError as error:
        raise StartError(f"{source.name}: {error}") from None
    _refuse_another(source, found, config, inputs, outputs)
    discriminator = None
    if isinstance(trained, AdversarialModel):
        discriminator = _discriminator(source, trained, inputs, outputs)
    return Transplant(source, config, inputs, outputs, found, discriminator, contract.grey_max)


def table(transfer: Transfer, inputs: ChannelMap, outputs: ChannelMap) -> Iterator[str]:
    """Lines that say what becomes of each layer; layers that are taken alike are one line.

    Args:
        transfer: of the layers.
        inputs, outputs: how the channels are made, for what is adapted.
    """
    rows = [("layer", "of the start", "weights", "what")]
    for what, group in groupby(transfer.layers, lambda each: _what(each, inputs, outputs)):
        layers = list(group)
        if what == "taken" and len(layers) > 2:
            ends = f"{layers[0].layer} to {layers[-1].layer}"
            own = f"{layers[0].source} to {layers[-1].source}"
            count = sum(each.weights for each in layers)
            rows.append((ends, own, f"{count:,}", f"{len(layers)} layers taken"))
        else:
            rows += [(each.layer, each.source or "-", f"{each.weights:,}", what) for each in layers]
    rows += [("-", name, "", "not used") for name in transfer.unused]
    yield from (f"| {' | '.join(row)} |" for row in rows)


def _what(each: LayerTransfer, inputs: ChannelMap, outputs: ChannelMap) -> str:
    if each.source is None:
        return "left: starts from random weights"
    if not each.adapted:
        return "taken"
    changed = [m for m in (inputs, outputs) if not m.is_identity]
    return f"adapted ({'; '.join(note for m in changed for note in m.notes)})"


def _sum(transfer: Transfer) -> str:
    taken = [each for each in transfer.layers if each.source is not None]
    weights = sum(each.weights for each in taken), sum(each.weights for each in transfer.layers)
    return (
        f"{len(taken)} of {len(transfer.layers)} layers, {weights[0]:,} of {weights[1]:,} weights "
        "are taken"
    )


def _record(transfer: Transfer) -> dict[str, Any]:
    return {
        "layers": [
            {
                "layer": each.layer,
                "source": each.source,
                "weights": each.weights,
                "adapted": each.adapted,
            }
            for each in transfer.layers
        ],
        "unused": list(transfer.unused),
    }


def _channel_maps(
    source: Source, network: keras.Model, contract: "Contract"
) -> tuple[ChannelMap, ChannelMap]:
    """How the channels of a training are made of those of the source."""
    if len(network.inputs) != 1 or len(network.outputs) != 1:
        raise StartError(f"{source.name}: expected a network of one image to one image")
    counts = network.inputs[0].shape[-1], network.outputs[0].shape[-1]
    own = source.contract
    if own is not None and counts != (len(own.inputs), len(own.outputs)):
        raise StartError(
            f"{source.name}: its network has {counts[0]} inputs and {counts[1]} outputs, and its "
            f"contract {len(own.inputs)} and {len(own.outputs)}"
        )
    names: tuple[Sequence[str] | int, ...] = counts if own is None else (own.inputs, own.outputs)
    alike = {} if own is None else alike_roles(own.inputs, contract.inputs)
    return map_inputs(names[0], contract.inputs, alike), map_outputs(names[1], contract.outputs)


def _refuse_another(
    source: Source, found: Transfer, config: Config, inputs: ChannelMap, outputs: ChannelMap
) -> None:
    preset = config.model.preset
    if found.share < LEAST_SHARE:
        known = source.preset not in (None, preset)
        hint = f"; its preset is {source.preset}, which leaving out --preset takes" if known else ""
        raise StartError(
            f"{source.name} is another network: only {found.share:.0%} of the weights of {preset} "
            f"have a counterpart in it{hint}"
        )
    left = [each for each in found.layers if each.source is None]
    for kind, channels in (("inputs", inputs), ("outputs", outputs)):
        new, old = channels.matrix.shape
        if new != old and any(each.at_end for each in left):
            names = ", ".join(each.layer for each in left if each.at_end)
            raise StartError(
                f"{source.name} has {old} {kind}, and this training {new}, which the layer {names} "
                "cannot be adapted to"
            )
    if config.training.freeze is not None and (inner := [x for x in left if not x.at_end]):
        raise StartError(
            f"training.freeze: the layer {inner[0].layer} is not in {source.name}, and would stay "
            "random; leave the option out"
        )


def _discriminator(
    source: Source, trained: AdversarialModel, inputs: ChannelMap, outputs: ChannelMap
) -> Transfer | None:
    """What is taken of the discriminator of a run, which is in its last checkpoint alone."""
    run = source.run
    checkpoints = [] if run is None else list_checkpoints(run.folder / CHECKPOINTS)
    if run is None or not checkpoints or run.config.training.adversarial is None:
        return None
    try:
        values = read_part(checkpoints[-1], "discriminator")
    except CheckpointError as error:
        logger.warning(f"{error}; the discriminator starts anew")
        return None
    config = run.config
    side = window_of(config.training, config.data.patch).core
    with dtype_policy("float32"):
        old = build_discriminator(config.model.preset, len(config.data.inputs), 1, side, None)
    if [v.shape for v in old.variables] != [value.shape for value in values]:
        return None  # of another version
    for variable, value in zip(old.variables, values, strict=True):
        variable.assign(value)
    both = ChannelMap(_side_by_side(inputs.matrix, outputs.matrix), ())
    return transfer_weights(old, trained.discriminator, both, ChannelMap(np.eye(1), ()))


def _side_by_side(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """A block matrix: the discriminator reads inputs and target."""
    rows, columns = first.shape
    whole = np.zeros((rows + second.shape[0], columns + second.shape[1]), np.float32)
    whole[:rows, :columns], whole[rows:, columns:] = first, second
    return whole
