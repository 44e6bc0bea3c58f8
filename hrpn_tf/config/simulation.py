"""Parameters of the phantom simulator, with units and sources."""

from hrpn_tf.config.section import Section


class SimulationConfig(Section):
    """Parameters of one simulated cohort."""
