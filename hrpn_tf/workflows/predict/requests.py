"""Which slides are predicted, and where each result goes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hrpn_tf.config import Config
from hrpn_tf.errors import UsageError
from hrpn_tf.runs.slides import (
    RunSlide,
    choose_slides,
    listed_slides,
    prediction_path,
)
from hrpn_tf.workflows.networks.network import Network
from hrpn_tf.workflows.predict.options import PredictionOptions

LISTS = (".csv", ".yaml", ".yml")


@dataclass(frozen=True)
class Request:
    """One slide to predict, as asked for.

    Attributes:
        slide: file or folder.
        out: where the prediction goes.
        channels: role: channel name or index in the file.
        pixel_size_um: um per pixel that the run states for a slide whose file states none.
    """

    slide: Path
    out: Path
    channels: Mapping[str, str | int]
    pixel_size_um: float | None


def requests(
    slides: Sequence[Path],
    network: Network,
    config: Config,
    out: Path | None,
    options: PredictionOptions,
) -> list[Request]:
    """What is to be predicted, and where each result goes; see ``predict_run``.

    Raises:
        UsageError: two results would get one name, one file is named for several slides, or a
            channel is given for an input that the network does not have.
    """
    from hrpn_tf.prediction.output import FILE_SUFFIXES, suffix_of
    from hrpn_tf.slides.names import slide_name

    channels = options.channels
    _refuse_unknown_roles(channels, config)
    plain = [path for path in slides if path.suffix.lower() not in LISTS]
    lists: list[Path | None] = [path for path in slides if path.suffix.lower() in LISTS]
    if not slides:
        lists = [None]
    folder = out or network.default_out
    if folder is None:
        raise UsageError(
            f"{network.folder}: a bundle is not written into; name a folder with --out"
        )
    suffix = suffix_of(config.prediction)
    found = [
        Request(
            path,
            prediction_path(folder, slide_name(path), suffix),
            {**config.data.channels, **channels},
            None,
        )
        for path in plain
    ]
    for path in lists:
        all_slides = _slides_of(network, config, path)
        found += [
            Request(
                slide.path,
                prediction_path(folder, slide.name, suffix),
                {**slide.channels, **channels},
                slide.pixel_size_um,
            )
            for slide in choose_slides(all_slides, options.groups, str(path or network.folder))
        ]
    if out is not None and out.suffix.lower() in FILE_SUFFIXES:
        return _one_file(found, out)
    return _distinct(found)


def _slides_of(network: Network, config: Config, path: Path | None) -> tuple[RunSlide, ...]:
    if path is not None:
        return listed_slides(path, config, network.subsets())
    return network.default_slides(config)


def made_by(prediction: Path, network: Mapping[str, str]) -> bool:
    """Whether a predicted slide is there and names this very network, by its SHA-256.

    Args:
        prediction: path of the slide.
        network: its origin; see ``Network``. One slide may be without, and one with intervals.
    """
    from hrpn_tf.slides import read_provenance

    if not prediction.exists():
        return False
    model = read_provenance(prediction).get("model", {})
    return all(model.get(key) == network.get(key) for key in ("sha256", "intervals"))


def _refuse_unknown_roles(channels: Mapping[str, str | int], config: Config) -> None:
    for role, name in channels.items():
        if role not in config.data.inputs:
            raise UsageError(
                f"--channel {role}={name}: the model has no input {role}; its inputs are "
                f"{', '.join(config.data.inputs)}"
            )


def _one_file(requests: list[Request], out: Path) -> list[Request]:
    if len(requests) != 1:
        raise UsageError(f"--out {out} is one file, for {len(requests)} slides; name a folder")
    return [replace(requests[0], out=out)]


def _distinct(requests: list[Request]) -> list[Request]:
    seen: dict[Path, Path] = {}
    for request in requests:
        if request.out in seen:
            raise UsageError(
                f"{seen[request.out]} and {request.slide} would both be written to {request.out}; "
                "predict them into different folders, or name them in a slide list"
            )
        seen[request.out] = request.slide
    return requests
