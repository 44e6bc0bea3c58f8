"""A short training that starts from another network."""

from pathlib import Path

from hrpn_tf.config import Config, load_config
from support.tiny_training import TINY_RUN

SHORT = (
    *TINY_RUN[-2:],  # the split
    "training.batch_size=4",
    "training.epochs=2",
    "training.pictures_every=0",
)


def fine_tuning(source: Path | str, *more: str) -> Config:
    """The configuration of one; ``more`` overrides it."""
    return load_config(overrides=(*SHORT, f"training.start={source}", *more))
