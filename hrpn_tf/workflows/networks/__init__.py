"""Networks that predict slides: the best of a run, one format of a bundle, or weights."""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from hrpn_tf.workflows.networks.bundle import BundleNetwork
    from hrpn_tf.workflows.networks.ensemble import EnsembleNetwork
    from hrpn_tf.workflows.networks.network import Network, load_network
    from hrpn_tf.workflows.networks.run import RunNetwork
    from hrpn_tf.workflows.networks.weights import WeightsNetwork, weights_network

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "bundle": ["BundleNetwork"],
        "ensemble": ["EnsembleNetwork"],
        "network": ["Network", "load_network"],
        "run": ["RunNetwork"],
        "weights": ["WeightsNetwork", "weights_network"],
    },
)
