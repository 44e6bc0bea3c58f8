"""Earlier versions of a preset, which keep its name with a number: ``NAME-v1``."""

import re

from hrpn_tf.models.presets import list_presets


def versions_of(name: str) -> tuple[str, ...]:
    """The preset of this name and its earlier versions; none if there is no such preset.

    Example:
        >>> versions_of("pix2pix")
        ('pix2pix',)
    """
    names = [preset.name for preset in list_presets()]
    versions = [each for each in names if re.fullmatch(rf"{re.escape(name)}-v\d+", each)]
    return (name, *versions) if name in names else tuple(versions)
