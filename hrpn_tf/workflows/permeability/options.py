"""Options of a fit of vessels."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class PermeabilityOptions:
    """What is fitted, and how.

    Attributes:
        target: role of the channel that was measured; None for that of the configuration.
        vessel_mask: image with non-zero vessel pixels; None to threshold the vessel channel.
        length_um: diffusion length, um; None to fit it.
        cell_um: side of a cell of the transport model, um.
        piece_um: distance of the pieces that long vessels are cut into, um.
        plasma_level: grey level that the plasma concentration would have; None if unknown.
        channels: names or numbers of channels by role.
        pixel_size_um: for slides whose files state none.
        parquet: also write Parquet; None where pyarrow is installed.
        config: configuration file or recipe.
        overrides: of the configuration, ``spatial.key=value``.
    """

    target: str | None = None
    vessel_mask: str | None = None
    length_um: float | None = None
    cell_um: float = 4.0
    piece_um: float = 25.0
    plasma_level: float | None = None
    channels: Mapping[str, str | int] = field(default_factory=dict)
    pixel_size_um: float | None = None
    parquet: bool | None = None
    config: str | None = None
    overrides: tuple[str, ...] = ()
