"""The one place that finds a trained network: in a run, a bundle, a Keras file, or by a name.

A training that starts from another network and a training with a teacher both ask here.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hrpn_tf.errors import NoNetworkError, WrongKindError
from hrpn_tf.files import sha256
from hrpn_tf.kinds import kind_of
from hrpn_tf.runs import folder as names
from hrpn_tf.runs.keras_file import load_keras_file
from hrpn_tf.runs.run import Run, open_run
from hrpn_tf.weights import weights_in, weights_or_path

if TYPE_CHECKING:
    import keras
    from hrpn_export import Bundle, Contract

_KERAS = ".keras"


@dataclass(frozen=True)
class Source:
    """A trained network, found but not loaded yet.

    Attributes:
        name: absolute path of the run, bundle or file.
        sha256: checksum of its Keras file.
        contract: what it expects and gives; None for a Keras file alone, which does not say.
        preset: of the network; None if that is not stated.
        subsets: group: how its training used it; None if that is not stated.
        run: the run, if it is one.
        members: number of networks of which it is the mean.
        simulated: whether it is known to be trained on simulations alone.
    """

    name: str
    sha256: str
    contract: "Contract | None"
    preset: str | None
    subsets: Mapping[str, str] | None
    _load: Callable[[], "keras.Model"]
    run: Run | None = None
    members: int = 1
    simulated: bool = False

    def doubts(self) -> list[str]:
        """A warning where it is not known which groups trained it; simulated ones do no harm."""
        if self.simulated or self.subsets:
            return []
        return [
            f"{self.name} does not say which groups it was trained on; metrics on the test and "
            "validation groups are optimistic if it was trained on them"
        ]

    def load(self) -> "keras.Model":
        """The network in float32, not compiled, without intervals; no code from the file is run.

        Raises:
            CheckpointError, BundleError: the file is damaged.
        """
        from hrpn_tf.models.intervals import without_intervals

        return without_intervals(self._load())


def find_source(where: str | Path) -> Source:
    """Find a trained network.

    Args:
        where: a run folder; a bundle, as folder or .zip; a file ``.keras``, whose contract may
            lie beside it; or the name of weights, see :mod:`hrpn_tf.weights`.

    Raises:
        NoNetworkError: nothing of these is there, or a bundle without a Keras model.
        UnknownWeightsError: weights that are not on this machine, or almost the name of some.
        WeightsError: they are damaged.
        WrongKindError: something else is there.
        RunError: no epoch of the run is finished yet, or it misses something.
        HrpnError, BundleError: it is damaged, or of a newer version.
    """
    if not str(where).strip():
        raise WrongKindError("an empty name is no run, bundle or Keras file, and no weights")
    path = located(where)
    if path.suffix.lower() == ".zip" or kind_of(path) == "bundle":
        return _in_bundle(path)
    if kind_of(path) == "run":
        return _in_run(path)
    if path.suffix.lower() == _KERAS and path.is_file():
        if path.name == names.BEST and kind_of(path.parent) == "run":
            return _in_run(path.parent)
        return _in_file(path)
    if not os.path.lexists(path):
        raise NoNetworkError(
            f"{where}: no such run, bundle or Keras file, nor weights of this name (hrpn-tf "
            "weights lists them)"
        )
    hint = {".pth": "; hrpn-tf import-weights makes a run of a PyTorch checkpoint"}
    hint[".pt"] = hint[".pth"]
    raise WrongKindError(
        f"{where}: is neither a run nor a bundle nor a Keras file"
        f"{hint.get(path.suffix.lower(), '')}"
    )


def located(where: str | Path) -> Path:
    """Where a network is that is named by its path, or by a name; see :mod:`hrpn_tf.weights`."""
    return weights_or_path(where)


def _in_run(path: Path) -> Source:
    run = open_run(path)
    run.network_file()
    contract, checksum = run.contract, run.checksum
    assert checksum is not None
    run.check_split()
    known = (path / names.SPLIT).exists()  # imported weights have none
    weights = weights_in(path)
    if weights is not None:
        weights.check_files(path)
    return Source(
        str(path.resolve()),
        checksum,
        contract,
        run.config.model.preset,
        run.subsets if known else None,
        run.load_network,
        run,
        simulated=weights is not None and weights.is_simulated,
    )


def _in_bundle(path: Path) -> Source:
    from hrpn_export import open_bundle

    with open_bundle(path) as bundle:  # one from a zip is gone afterwards
        file = _keras_file(bundle, path)
        provenance = bundle.manifest.provenance
        groups, members = provenance.get("groups"), provenance.get("members")
        return Source(
            str(path.resolve()),
            bundle.manifest.files[file],
            bundle.contract.without_intervals(),
            _preset_of(provenance),
            {str(g): str(s) for g, s in groups.items()} if isinstance(groups, dict) else None,
            lambda: _load_from_bundle(path),
            members=len(members) if isinstance(members, list) and members else 1,
        )


def _load_from_bundle(path: Path) -> "keras.Model":
    from hrpn_export import open_bundle

    with open_bundle(path) as bundle:
        return load_keras_file(bundle.path / _keras_file(bundle, path))


def _keras_file(bundle: "Bundle", path: Path) -> str:
    """Where the Keras model lies in a bundle."""
    from hrpn_export.errors import FormatError

    try:
        return bundle.artefact("keras", "fp32").path
    except FormatError:
        held = ", ".join(f"{each.format} {each.precision}" for each in bundle.manifest.artefacts)
        raise NoNetworkError(
            f"{path}: a bundle without a Keras model ({held}), which cannot be trained; take the "
            "run that it was exported from"
        ) from None


def _preset_of(provenance: Mapping[str, Any]) -> str | None:
    """The preset that a bundle states; it may state anything."""
    value: Any = provenance.get("configuration")
    for key in ("model", "preset"):
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else None


def _in_file(path: Path) -> Source:
    from hrpn_export import Contract, ContractError

    from hrpn_tf.untrusted import read_text

    contract = None
    beside = path.with_name(names.CONTRACT)
    if beside.is_file():  # as in a run and beside a calibrated network
        try:
            text = read_text(beside, NoNetworkError)
            contract = Contract.from_json(text).without_intervals()
        except ContractError as error:
            raise ContractError(f"{beside}: {error}") from None
    return Source(
        str(path.resolve()), sha256(path), contract, None, None, lambda: load_keras_file(path)
    )
