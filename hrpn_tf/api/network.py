"""The network that an argument names."""

from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any, Union

from hrpn_tf.api.arguments import RunArgument, path_of, run_of

if TYPE_CHECKING:
    from hrpn_tf.workflows.networks.auto import Candidates
    from hrpn_tf.workflows.networks.network import Network

NetworkArgument = Union[RunArgument, "Network"]


def candidates_of(
    network: NetworkArgument | None, weights: str | None, intervals: bool, bundle: Mapping[str, Any]
) -> "Candidates":
    """The network that is named by one of two arguments, in all runtimes that may run it.

    Args:
        network: see :func:`~hrpn_tf.api.prediction.predict`.
        weights: in its place, the name of weights.
        intervals: whether its bounds are wanted.
        bundle: arguments of ``bundle_candidates``; of a run, ``runtime`` alone.

    Raises:
        RunError: there is neither a run nor a bundle.
        UsageError: not one of both is named, or ``bundle`` is for something else.
        UnknownWeightsError, WeightsError: there are no such weights, or they are damaged.
    """
    from hrpn_tf.errors import UsageError
    from hrpn_tf.workflows.networks.auto import Candidates
    from hrpn_tf.workflows.networks.weights import weights_network

    if weights is None and network is not None:
        return _trained(network, intervals, bundle)
    if weights is None or network is not None:
        raise UsageError("either network or weights is required, and not both")
    if bundle:
        raise UsageError(f"{next(iter(bundle))}: for bundles only")
    return Candidates((weights_network(weights, intervals),))


def _trained(argument: NetworkArgument, intervals: bool, bundle: Mapping[str, Any]) -> "Candidates":
    """The network of a run or a bundle; arguments as of :func:`candidates_of`."""
    from hrpn_tf.errors import UsageError
    from hrpn_tf.runs import Run
    from hrpn_tf.workflows.networks.auto import Candidates
    from hrpn_tf.workflows.networks.choosing import bundle_candidates, run_candidates

    if not isinstance(argument, Run | str | PathLike):
        return Candidates((argument,))
    if not isinstance(argument, Run):
        path = path_of(argument)
        if path.suffix.lower() == ".zip" or (path / "bundle.json").is_file():
            return bundle_candidates(path, intervals=intervals, **bundle)
    others = {name: value for name, value in bundle.items() if name != "runtime"}
    if others:
        raise UsageError(f"{next(iter(others))}: for bundles only")
    return run_candidates(run_of(argument), intervals, bundle.get("runtime"))
