"""A nickname of a model, such as bioimage.io shows beside its name."""

import hashlib
from dataclasses import dataclass

import numpy as np

_MANNERS = (
    "able", "bold", "brave", "bright", "calm", "careful", "cheerful", "clever", "curious", "eager",
    "fair", "gentle", "happy", "honest", "humble", "jolly", "keen", "kind", "lively", "lucky",
    "merry", "modest", "noble", "patient", "polite", "proud", "quick", "quiet", "steady", "tidy",
    "wise", "witty",
)  # fmt: skip
_ANIMALS = {
    "badger": "🦡", "bat": "🦇", "bear": "🐻", "beaver": "🦫", "bee": "🐝", "cat": "🐈",
    "cow": "🐄", "crab": "🦀", "deer": "🦌", "dodo": "🦤", "dolphin": "🐬", "dove": "🕊",
    "duck": "🦆", "eagle": "🦅", "fox": "🦊", "frog": "🐸", "hedgehog": "🦔", "horse": "🐎",
    "koala": "🐨", "lion": "🦁", "llama": "🦙", "octopus": "🐙", "otter": "🦦", "owl": "🦉",
    "panda": "🐼", "parrot": "🦜", "penguin": "🐧", "seal": "🦭", "sloth": "🦥", "swan": "🦢",
    "turtle": "🐢", "whale": "🐋",
}  # fmt: skip


@dataclass(frozen=True)
class Nickname:
    """A manner and an animal.

    Attributes:
        text: e.g. ``patient-otter``.
        emoji: the animal.
    """

    text: str
    emoji: str


def nickname_of(model: bytes, expected: np.ndarray) -> Nickname:
    """The nickname of a model: always the same one, and seldom that of another model.

    Args:
        model: name and contract.
        expected: prediction for the example, which other weights change.

    Example:
        >>> nickname_of(b"", np.zeros(1, np.float32)) == nickname_of(b"", np.zeros(1, np.float32))
        True
    """
    digest = hashlib.sha256(model + np.ascontiguousarray(expected, np.float32).tobytes()).digest()
    manner = _MANNERS[digest[0] % len(_MANNERS)]
    animal, emoji = list(_ANIMALS.items())[digest[1] % len(_ANIMALS)]
    return Nickname(f"{manner}-{animal}", emoji)
