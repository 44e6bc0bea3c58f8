"""What a run, a bundle or weights expect of a slide."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hrpn_tf.errors import CalibrationError, NoNetworkError
from hrpn_tf.kinds import kind_of
from hrpn_tf.runs import open_run
from hrpn_tf.slides.roles import suggested_role
from hrpn_tf.weights import Catalogue

if TYPE_CHECKING:
    from hrpn_tf.workflows.networks import BundleNetwork, RunNetwork, WeightsNetwork

Kind = Literal["run", "bundle", "weights"]


@dataclass(frozen=True)
class NetworkChoice:
    """A network that a user chose.

    Attributes:
        kind: which option of ``predict`` names it.
        where: its folder, or the name of weights.
    """

    kind: Kind
    where: str

    @property
    def name(self) -> str:
        """For names of files and for messages."""
        return self.where if self.kind == "weights" else Path(self.where).resolve().stem

    @property
    def arguments(self) -> tuple[str, str]:
        """The option of ``predict``."""
        return (f"--{self.kind}", self.where)


@dataclass(frozen=True)
class NetworkFacts:
    """What a network expects and gives.

    Attributes:
        choice: the network.
        inputs: roles of its inputs.
        outputs: names of its outputs.
        pixel_size_um: um per pixel that it was trained at; None for any.
        bounds: whether it gives lower and upper bounds.
        channels: name or index of the channel of each role that its configuration names.
        caution: what a user of its predictions must know; None for nothing.
    """

    choice: NetworkChoice
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    pixel_size_um: float | None
    bounds: bool
    channels: Mapping[str, str | int]
    caution: str | None


def weights_here() -> list[NetworkChoice]:
    """The weights that are on this machine.

    Raises:
        WeightsError: the registry of the package is damaged.
    """
    catalogue = Catalogue()
    return [
        NetworkChoice("weights", name)
        for name in catalogue.entries
        if catalogue.folder(name) is not None
    ]


def network_at(path: Path) -> NetworkChoice:
    """The network of a folder, or of a bundle in a file.

    Raises:
        NoNetworkError: it is neither a run nor a bundle.
    """
    kind = "bundle" if path.suffix.lower() == ".zip" and path.is_file() else kind_of(path)
    if kind not in ("run", "bundle"):
        raise NoNetworkError(
            f"{path}: neither a run nor a bundle; give the folder that hrpn-tf fit or hrpn-tf "
            "export wrote"
        )
    return NetworkChoice("run" if kind == "run" else "bundle", str(path.absolute()))


def look_at(choice: NetworkChoice) -> NetworkFacts:
    """What a network expects; nothing is loaded but descriptions.

    Raises:
        HrpnError, BundleError: the network is missing or damaged.
    """
    network = _network(choice)
    contract, data = network.contract(), network.config(()).data
    try:
        replace(network, intervals=True).contract()
        bounds = True
    except CalibrationError:
        bounds = False
    return NetworkFacts(
        choice,
        contract.inputs,
        contract.outputs,
        contract.pixel_size_um,
        bounds,
        dict(data.channels),
        network.caution(),
    )


def proposed_channels(
    inputs: tuple[str, ...], given: Mapping[str, str | int], names: tuple[str, ...]
) -> dict[str, int | None]:
    """The channel of a slide for each input, by its name; None where none or several fit.

    Args:
        inputs: roles.
        given: name or index of the channel of a role, by the network's configuration.
        names: of the slide's channels.

    >>> proposed_channels(("vessels", "nuclei"), {}, ("DAPI", "CD31", "QD655"))
    {'vessels': 1, 'nuclei': 0}
    """
    return {role: _proposed(role, given.get(role), names) for role in inputs}


def _proposed(role: str, given: str | int | None, names: tuple[str, ...]) -> int | None:
    if isinstance(given, int) and given < len(names):
        return given
    meant = suggested_role(role) or role
    for fits in (
        [i for i, name in enumerate(names) if name == given],
        [i for i, name in enumerate(names) if name.casefold() == role.casefold()],
        [i for i, name in enumerate(names) if suggested_role(name) == meant],
    ):
        if len(fits) == 1:
            return fits[0]
    return None


def _network(choice: NetworkChoice) -> "RunNetwork | BundleNetwork | WeightsNetwork":
    from hrpn_tf.workflows.networks import BundleNetwork, RunNetwork, weights_network

    if choice.kind == "weights":
        return weights_network(choice.where)
    if choice.kind == "bundle":
        return BundleNetwork(Path(choice.where))
    return RunNetwork(open_run(Path(choice.where)))
