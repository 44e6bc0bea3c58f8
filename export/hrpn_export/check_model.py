"""Refuse a Keras model that is not what its contract says, before anything is written."""

from typing import TYPE_CHECKING, Any

from hrpn_export.contract import Contract
from hrpn_export.errors import ContractError

if TYPE_CHECKING:
    import keras


def check_model(model: "keras.Model", contract: Contract) -> None:
    """Compare the shapes that a model states with a contract.

    A subclassed model that states none is compared when it first predicts.

    Raises:
        ContractError: the model has several inputs or outputs, a fixed size, or other numbers of
            channels; says what to change.
    """
    given = _only("input", getattr(model, "inputs", None))
    if given is not None:
        count, example = len(contract.inputs), f"keras.Input((None, None, {len(contract.inputs)}))"
        if len(given) != 4:
            raise ContractError(
                f"the model takes arrays {given}, not images (N, H, W, C); start it with {example}"
            )
        if given[3] != count:
            raise ContractError(
                f"the model takes {given[3]} channels, and its contract names {count}: "
                f"{', '.join(contract.inputs)}"
            )
        if any(size is not None for size in given[:3]):
            raise ContractError(
                f"the model takes arrays {given} only; an export needs any number and size of "
                f"images: build it with {example}, and load the weights"
            )
    result = _only("output", getattr(model, "outputs", None))
    if result is not None and (len(result) != 4 or result[3] != len(contract.outputs)):
        raise ContractError(
            f"the model gives arrays {result}, and its contract names {len(contract.outputs)} "
            f"channels of images (N, H, W, C): {', '.join(contract.outputs)}"
        )


def _only(what: str, tensors: Any) -> tuple[int | None, ...] | None:
    """The shape of the only input or output; None if the model states none."""
    if not tensors:
        return None
    if len(tensors) > 1:
        raise ContractError(f"the model has {len(tensors)} {what}s; an export takes one")
    return tuple(tensors[0].shape)
