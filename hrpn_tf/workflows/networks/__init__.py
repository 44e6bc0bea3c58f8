"""Networks that predict slides: of a run, of a bundle or weights, in the runtime that is chosen."""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from hrpn_tf.workflows.networks.auto import Candidates
    from hrpn_tf.workflows.networks.bundle import BundleNetwork
    from hrpn_tf.workflows.networks.choosing import bundle_candidates, run_candidates
    from hrpn_tf.workflows.networks.ensemble import EnsembleNetwork
    from hrpn_tf.workflows.networks.network import Network, load_network
    from hrpn_tf.workflows.networks.run import RunNetwork
    from hrpn_tf.workflows.networks.twin import TwinNetwork
    from hrpn_tf.workflows.networks.weights import WeightsNetwork, weights_network

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "auto": ["Candidates"],
        "bundle": ["BundleNetwork"],
        "choosing": ["bundle_candidates", "run_candidates"],
        "ensemble": ["EnsembleNetwork"],
        "network": ["Network", "load_network"],
        "run": ["RunNetwork"],
        "twin": ["TwinNetwork"],
        "weights": ["WeightsNetwork", "weights_network"],
    },
)
