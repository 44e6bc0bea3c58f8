"""Networks that predict slides: the best network of a run, or one format of a bundle."""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from hrpn_tf.workflows.networks.bundle import BundleNetwork
    from hrpn_tf.workflows.networks.ensemble import EnsembleNetwork
    from hrpn_tf.workflows.networks.network import Network, load_network
    from hrpn_tf.workflows.networks.run import RunNetwork

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "bundle": ["BundleNetwork"],
        "ensemble": ["EnsembleNetwork"],
        "network": ["Network", "load_network"],
        "run": ["RunNetwork"],
    },
)
