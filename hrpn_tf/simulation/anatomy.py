"""The anatomy of a simulated slide: tissue, vessels and nuclei."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hrpn_tf.config.simulation import SimulationConfig
from hrpn_tf.simulation.fields import tissue_coverage
from hrpn_tf.simulation.network import VesselNetwork, grow_network
from hrpn_tf.simulation.nuclei import SimulatedNuclei, place_nuclei
from hrpn_tf.simulation.section import TissueSection, cut_section


@dataclass(frozen=True)
class Anatomy:
    """Tissue, vessels and cells of one slide; arrays are (height, width) float32.

    Attributes:
        tissue: share of each pixel within the outline of the tissue.
        open_share: share of each pixel that is tissue and not lumen.
        section, network, nuclei: vessels in the plane, vessels in space, cell nuclei.
    """

    tissue: np.ndarray
    open_share: np.ndarray
    section: TissueSection
    network: VesselNetwork
    nuclei: SimulatedNuclei

    @property
    def lumen_share(self) -> np.ndarray:
        """Share of each pixel that is lumen within the tissue."""
        share: np.ndarray = self.tissue - self.open_share
        return share

    def visible_vessels(self, config: SimulationConfig) -> np.ndarray:
        """Where a lumen or its wall lies in the tissue; (height, width) bool."""
        near = self.section.distance_um < config.vessels.wall_um
        visible: np.ndarray = near & (self.tissue > 0.5)
        return visible


def grow_anatomy(config: SimulationConfig, rng: Mapping[str, np.random.Generator]) -> Anatomy:
    """Draw tissue, vessels and nuclei; ``rng`` has a generator for each by name."""
    shape = (config.height, config.width)
    pixel = config.pixel_size_um
    tissue = tissue_coverage(shape, config.tissue_share, rng["tissue"])
    network = grow_network(shape[0] * pixel, shape[1] * pixel, config.vessels, rng["vessels"])
    section = cut_section(network, shape, pixel, config.vessels, rng["section"])
    nuclei = place_nuclei(
        section.distance_um, tissue, config.vessels.wall_um, pixel, config.nuclei, rng["nuclei"]
    )
    return Anatomy(tissue, tissue * (1 - section.lumen), section, network, nuclei)
