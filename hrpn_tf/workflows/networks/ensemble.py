"""The mean of the best networks of several runs: of seeds, of folds, of architectures."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import lcm
from typing import TYPE_CHECKING, Any

from hrpn_tf.console import load_tensorflow
from hrpn_tf.runs import Run
from hrpn_tf.runs.agreement import refuse_different, refuse_twins
from hrpn_tf.workflows.networks.run import RunNetwork

if TYPE_CHECKING:
    import keras
    from hrpn_export import Contract

    from hrpn_tf.evaluation.out_of_distribution import TrainingProfile

# A group that one member trained on is a training group of the mean, whatever it is to the others.
_ORDER = ("train", "validation", "test")


@dataclass(frozen=True)
class EnsembleNetwork:
    """The mean of the best networks of several runs, as ``export`` needs it.

    Slides are predicted with the bundle that it becomes.

    Attributes:
        runs: at least two open runs with different networks. The first one also gives the
            configuration of predictions.
    """

    runs: tuple[Run, ...]

    def contract(self) -> "Contract":
        """See ``Network``.

        Raises:
            UsageError: the members do not take or predict the same, or are not different.
            RunError: as raised for a single run.
        """
        contracts = {str(run): RunNetwork(run).contract() for run in self.runs}
        refuse_twins((str(run), RunNetwork(run).origin()["sha256"]) for run in self.runs)
        return common_contract(contracts)

    def subsets(self) -> dict[str, str]:
        """Use of each group: ``train`` if any member trained on it, and so on."""
        used = [run.subsets for run in self.runs]
        groups = dict.fromkeys(group for each in used for group in each)
        return {
            group: min((each[group] for each in used if group in each), key=_ORDER.index)
            for group in groups
        }

    def tested(self) -> list[str]:
        """Groups that at least one member neither trained on nor picked its checkpoint with."""
        return list(dict.fromkeys(group for run in self.runs for group in run.split.test))

    def origin(self) -> dict[str, str]:
        """See ``Network``; the checksum is that of the members' checksums, one a line."""
        lines = [f"{RunNetwork(run).origin()['sha256']}\n" for run in self.runs]
        return {
            "file": f"mean of {len(self.runs)} networks",
            "run": ", ".join(run.folder.name for run in self.runs),
            "sha256": hashlib.sha256("".join(lines).encode()).hexdigest(),
        }

    def members(self) -> list[dict[str, Any]]:
        """Run, preset, seed, checksum and groups of each member, for the metadata of a bundle."""
        return [
            {
                "run": run.folder.name,
                "preset": run.config.model.preset,
                "seed": run.config.training.seed,
                "sha256": RunNetwork(run).origin()["sha256"],
                "groups": run.subsets,
            }
            for run in self.runs
        ]

    def training_profile(self) -> "TrainingProfile | None":
        """See ``Network``: of the slides that any member trained on; without features."""
        from hrpn_tf.evaluation.out_of_distribution import join_profiles

        found = [RunNetwork(run).training_profile() for run in self.runs]
        profiles = [profile for profile in found if profile is not None]
        return join_profiles(profiles) if len(profiles) == len(found) else None

    def load_network(self) -> "keras.Model":
        """The mean as one Keras model, float32.

        Raises:
            CheckpointError: the file of a member is damaged.
        """
        load_tensorflow()
        from hrpn_tf.models.ensemble import mean_network

        presets = dict.fromkeys(run.config.model.preset for run in self.runs)
        kind = next(iter(presets)) if len(presets) == 1 else "networks"
        members = [run.load_network() for run in self.runs]
        return mean_network(members, f"mean-of-{len(members)}-{kind}")


def common_contract(contracts: Mapping[str, "Contract"]) -> "Contract":
    """The contract of the mean of several networks.

    The halo is the largest of the members, and the stride multiple their least common multiple.

    Args:
        contracts: of the members, by a name for messages.

    Raises:
        UsageError: the members do not take or predict the same; names two of them.
    """
    (first, contract), *others = contracts.items()
    for name, other in others:
        refuse_different(first, contract, name, other)
    fields = [each.receptive_field for each in contracts.values()]
    known = [field for field in fields if field is not None]
    return replace(
        contract,
        stride_multiple=lcm(*(each.stride_multiple for each in contracts.values())),
        receptive_field=max(known) if len(known) == len(fields) else None,
        tile_exact=all(each.tile_exact for each in contracts.values()),
    )
