"""The design of the study, ``study.yaml``, and the pieces that it consists of."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

CONFIGURATION = Path(__file__).with_name("study.yaml")
LEAVE_ONE_OUT = "leave-one-out"


@dataclass(frozen=True)
class DataSet:
    """Slides, and how they are divided.

    Attributes:
        name: such as ``simulated``, or ``dextran-without-field-03`` where a field is left out.
        source: name in the configuration; several data sets share the slides of one source.
        values: its settings.
        validation, test: groups; all others train.
    """

    name: str
    source: str
    values: Mapping[str, Any]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    @property
    def is_fold(self) -> bool:
        """Whether a group is left out that the fixed split does not test."""
        return self.name != self.source


@dataclass(frozen=True)
class Network:
    """A network and how it is trained.

    Attributes:
        name: in tables.
        preset, recipe: of ``hrpn-tf fit``, and of the configuration.
        seeds: each is one piece.
        turn: pieces of a lower turn run first.
        extra: settings of a network that is made from others; empty for one that is trained alone.
    """

    name: str
    preset: str
    recipe: str
    seeds: tuple[int, ...]
    turn: int
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Piece:
    """One network with one seed on one data set."""

    data: DataSet
    network: Network
    seed: int

    @property
    def name(self) -> str:
        """Such as ``simulated/ganda-1``."""
        return f"{self.data.name}/{self.network.name}-{self.seed}"

    @property
    def file(self) -> str:
        """Name of its record."""
        return f"{self.data.name}-{self.network.name}-{self.seed}.json"

    @property
    def chooses(self) -> bool:
        """Whether it chooses learning rate, loss and length; other pieces take those of seed 0."""
        return self.seed == 0 and not self.data.is_fold and not self.network.extra


@dataclass(frozen=True)
class Design:
    """The configuration, with what was switched on.

    Attributes:
        values: of the file.
        switched: names of extras, or ``leave-one-out``.
    """

    values: Mapping[str, Any]
    switched: frozenset[str] = frozenset()

    @property
    def data(self) -> list[DataSet]:
        """The data sets."""
        found = []
        for name, values in self.values["data"].items():
            split = (tuple(values["validation"]), tuple(values["test"]))
            found.append(DataSet(name, name, values, *split))
            groups = values.get("leave_one_out", {}).get("groups", ())
            if LEAVE_ONE_OUT in self.switched:
                for number, group in enumerate(groups):
                    following = groups[(number + 1) % len(groups)]
                    fold = f"{name}-without-{group}"
                    found.append(DataSet(fold, name, values, (following,), (group,)))
        return found

    @property
    def networks(self) -> list[Network]:
        """The networks, and the extras that are on."""
        found = {
            name: Network(name, each["preset"], each["recipe"], tuple(each["seeds"]), each["turn"])
            for name, each in self.values["networks"].items()
        }
        for name, extra in self.values.get("extras", {}).items():
            if extra["on"] or name in self.switched:
                base = found[extra["of"]]
                seeds = tuple(extra.get("seeds", base.seeds))
                found[name] = Network(name, base.preset, base.recipe, seeds, base.turn, extra)
        return list(found.values())

    def pieces(self) -> list[Piece]:
        """All pieces, the most informative first."""
        return sorted(self._pieces(), key=_order)

    def with_everything(self) -> "Design":
        """The same design with its folds and all its extras."""
        return replace(self, switched=frozenset({LEAVE_ONE_OUT, *self.values.get("extras", {})}))

    def _pieces(self) -> Iterator[Piece]:
        for data in self.data:
            chosen = data.values.get("leave_one_out", {}).get("networks", ())
            for network in self.networks:
                if not data.is_fold:
                    yield from (Piece(data, network, seed) for seed in network.seeds)
                elif network.name in chosen:
                    yield Piece(data, network, 0)

    def settings(self, network: Network, data: DataSet) -> dict[str, Any]:
        """Crop, batch, shortest length and losses of a network on a data set, in one place."""
        recipe = self.values["recipes"][network.recipe]
        return {**recipe[data.source], "set": recipe["set"]}

    def losses(self, network: Network, data: DataSet) -> list[str]:
        """The losses that a network may choose from on a data set."""
        return list(self.settings(network, data).get("losses", self.values["grid"]["losses"]))

    def rates(self, network: Network) -> list[float]:
        """The learning rates that a network may choose from."""
        recipe = self.values["recipes"][network.recipe]
        factors = recipe.get("factors", self.values["grid"]["factors"])
        return [float(f"{recipe['learning_rate'] * factor:.3g}") for factor in factors]


def _order(piece: Piece) -> tuple[int, bool, bool, int]:
    network = piece.network
    return network.turn, bool(network.extra), piece.data.is_fold, piece.seed


def read_design(path: Path = CONFIGURATION, switched: Collection[str] = ()) -> Design:
    """Read the configuration.

    Args:
        path: a YAML file.
        switched: extras to add, or ``leave-one-out``.

    Raises:
        ValueError: an extra that the file does not describe.
    """
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    known = {LEAVE_ONE_OUT, *values.get("extras", {})}
    if unknown := sorted(set(switched) - known):
        raise ValueError(f"--with {unknown[0]}: there are {', '.join(sorted(known))}")
    return Design(values, frozenset(switched))


def asked(name: str, only: Collection[str]) -> bool:
    """Whether a name begins as one of the words of ``--only``; all do where there is none."""
    return not only or any(name.startswith(part) for part in only)
