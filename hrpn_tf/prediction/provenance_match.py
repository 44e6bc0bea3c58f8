"""Whether a predicted slide is of a given slide, channels, network and settings."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hrpn_tf.prediction.anchor import stated_anchor
from hrpn_tf.prediction.provenance import slide_checksums
from hrpn_tf.prediction.queues import NO_LIMIT
from hrpn_tf.slides import open_slide, read_provenance
from hrpn_tf.slides.checks import same_pixel_size

logger = logging.getLogger(__name__)

# Keys of the section `prediction` that change the pixels of a result. The tile does so only where
# the network depends on it.
_SETTINGS = ("dtype", "halo", "skip_empty", "symmetries")
OTHER_NETWORK = "by another network"
_MISSING = object()  # an older result does not state it
_OLDER = {"symmetries": False}  # what older results are that do not state a key


@dataclass(frozen=True)
class ExpectedInput:
    """The slide that a prediction should be of.

    Attributes:
        slide: file or folder.
        files: the files that the open slide lists.
        channels: name of the channel in the file, by role of the input.
        ablation: how an input was changed before the prediction; None if none was.
        seconds: longest wait for a piece of the slide, s.
        depth: what is read of a stack, see ``SlideInfo``; None for a slide with one plane.
    """

    slide: Path
    files: Sequence[Path]
    channels: Mapping[str, str]
    ablation: Mapping[str, Any] | None = None
    seconds: float = NO_LIMIT
    depth: int | str | None = None


@dataclass(frozen=True)
class ExpectedSettings:
    """The settings that a prediction should have.

    Attributes:
        prediction: section ``prediction`` of the configuration, as plain values.
        tissue: section ``data.tissue``, as plain values.
        level: pyramid level that is read.
        pixel_size_um: of the result, um.
        region: y, x, height, width, px of the result; None for the whole slide.
        mask: SHA-256 of the mask file; None without one.
        tile_matters: whether the network depends on its tile.
        anchor: what is stated of the anchor; None without one.
    """

    prediction: Mapping[str, Any]
    tissue: Mapping[str, Any]
    level: int
    pixel_size_um: float
    region: tuple[int, int, int, int] | None
    mask: str | None
    tile_matters: bool
    anchor: Mapping[str, Any] | None = None


def mismatch(
    prediction: Path,
    input: ExpectedInput,
    network: Mapping[str, str] | None = None,
    settings: ExpectedSettings | None = None,
) -> str | None:
    """What tells a predicted slide from the expected one, in words; None if nothing does.

    A prediction that does not state the checksum of its slide, see :func:`states_input`, may be of
    another one.

    Args:
        prediction: the predicted slide, which exists.
        input: the slide and its channels.
        network: origin of the network; see ``Network``. None if any network will do.
        settings: None if any settings will do.

    Raises:
        SlideFormatError: the prediction is damaged.
        StalledError: a drive does not answer.
    """
    made = read_provenance(prediction)
    if network is not None and not is_by(made, network):
        return OTHER_NETWORK
    if settings is not None and (found := _other_settings(prediction, made, settings)):
        return found
    return _other_input(made, input)


def is_by(made: Mapping[str, Any], network: Mapping[str, str]) -> bool:
    """Whether a provenance names a network; those with and without intervals differ."""
    model = _section(made, "model")
    return all(model.get(key) == network.get(key) for key in ("sha256", "intervals"))


def has_symmetries(made: Mapping[str, Any]) -> bool:
    """Whether a provenance is of a mean over the eight orientations of each tile."""
    settings = _section(_section(made, "configuration"), "prediction")
    return settings.get("symmetries") is True


def warn_of_unknown_input(predictions: Sequence[Path]) -> None:
    """Warn of predictions that do not state the checksum of their slide: older or foreign ones."""
    unknown = [path for path in predictions if not states_input(path)]
    if unknown:
        more = f" and {len(unknown) - 1} more do" if len(unknown) > 1 else " does"
        logger.warning(
            f"{unknown[0]}{more} not state the checksum of the slide; whether the prediction is of "
            "the slide of this name is not known"
        )


def states_input(prediction: Path) -> bool:
    """Whether a predicted slide states the checksum of the slide that it was made of."""
    return bool(_section(_section(read_provenance(prediction), "input"), "sha256"))


def _other_input(made: Mapping[str, Any], wanted: ExpectedInput) -> str | None:
    stated = _section(made, "input")
    channels = _section(stated, "channels")
    for role, name in wanted.channels.items():
        if channels.get(role, name) != name:
            return f"made from the channel '{channels[role]}' as {role}, not from '{name}'"
    if stated.get("z") != wanted.depth:
        return f"made with data.z={_text(stated.get('z'))}, not {_text(wanted.depth)}"
    if made.get("ablation") != wanted.ablation:
        return "made with an input ablated, or with another ablation"
    before = _section(stated, "sha256")
    if before and not _same_files(
        before, slide_checksums(wanted.slide, wanted.files, wanted.seconds)
    ):
        return f"made from other pixels than {wanted.slide} has now (their checksums differ)"
    return None


def _other_settings(
    prediction: Path, made: Mapping[str, Any], wanted: ExpectedSettings
) -> str | None:
    configuration = _section(made, "configuration")
    section = _section(configuration, "prediction")
    for key in (*_SETTINGS, *(["tile"] if wanted.tile_matters else [])):
        before, now = section.get(key, _OLDER.get(key, _MISSING)), wanted.prediction[key]
        if before is not _MISSING and before != now:
            return f"made with prediction.{key}={_text(before)}, not {_text(now)}"
    # 0.5 is also what the name alone implies, and any version will do then
    if (section.get("format"), wanted.prediction["format"]) == ("ome-zarr-0.5", "ome-zarr-0.4"):
        return "made with prediction.format=ome-zarr-0.5, not ome-zarr-0.4"
    tissue = _section(_section(configuration, "data"), "tissue")
    if wanted.prediction["skip_empty"] and tissue and tissue != wanted.tissue:
        return "made with another rule for tissue (data.tissue)"
    mask = _section(made, "mask").get("sha256")
    if mask != wanted.mask:
        return "made with another mask" if mask and wanted.mask else _with_or_without("mask", mask)
    region = made.get("region")
    if (tuple(region) if isinstance(region, list) else None) != wanted.region:
        return "another region of the slide"
    anchor = stated_anchor(made)
    if anchor != wanted.anchor:
        both = anchor and wanted.anchor
        return "made with another anchor" if both else _with_or_without("anchor", anchor)
    level = _section(made, "input").get("level", wanted.level)
    with open_slide(prediction) as slide:
        size = slide.info.pixel_size_um
    other_size = size is not None and not same_pixel_size(size, wanted.pixel_size_um)
    if level != wanted.level or other_size:
        return f"made with other pixels ({size} um/px from level {level})"
    return None


def _same_files(before: Mapping[str, Any], now: Mapping[str, str]) -> bool:
    """A single file may have got another name; of several, the names say what is what."""
    if len(before) == len(now) == 1:
        return list(before.values()) == list(now.values())
    return before == now


def _section(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A part of a provenance, which anybody may have written."""
    found = values.get(key)
    return found if isinstance(found, Mapping) else {}


def _with_or_without(what: str, before: object) -> str:
    article = "an" if what[0] in "aeiou" else "a"
    return f"made {'with' if before else 'without'} {article} {what}"


def _text(value: object) -> str:
    return (
        "null" if value is None else str(value).lower() if isinstance(value, bool) else f"{value}"
    )
