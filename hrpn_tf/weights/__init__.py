"""Trained networks that come with the package, or that a user fetched, known by a name.

    registry.json    the weights that are known: one entry per name
    NAME/            a folder of weights: Keras file, contract, recipe, data, card, ``weights.json``

A folder of weights is a run folder without a split, so that every command that takes a run takes
it. Those that a user fetched lie in a folder of the user. Nothing is fetched unless asked for.
"""

from hrpn_tf.weights.catalogue import Catalogue, weights_in, weights_or_path
from hrpn_tf.weights.entry import MANIFEST, SIMULATIONS, SLIDES, WeightsEntry, checked_name

__all__ = [
    "MANIFEST",
    "SIMULATIONS",
    "SLIDES",
    "Catalogue",
    "WeightsEntry",
    "checked_name",
    "weights_in",
    "weights_or_path",
]
