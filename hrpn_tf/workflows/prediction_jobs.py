"""Which slides are predicted, where each result goes, and whether the network fits them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hrpn_tf.config import Config
from hrpn_tf.errors import UsageError
from hrpn_tf.workflows.run_slides import choose_slides, prediction_path, run_slides

if TYPE_CHECKING:
    from hrpn_export import Contract

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


@dataclass(frozen=True)
class Job:
    """One slide to predict, checked: everything is known but its pixels.

    Attributes:
        slide, out: see ``Request``.
        channels: indices in the file, in the contract's order.
        channel_names: role: name of that channel.
        pixel_size_um: um per pixel.
    """

    slide: Path
    out: Path
    channels: tuple[int, ...]
    channel_names: dict[str, str]
    pixel_size_um: float


def requests(
    slides: Sequence[Path],
    run: Path,
    config: Config,
    out: Path | None,
    groups: Sequence[str],
    channels: Mapping[str, str | int],
) -> list[Request]:
    """What is to be predicted, and where each result goes; see ``predict_run``.

    Raises:
        UsageError: two results would get one name, one file is named for several slides, or a
            channel is given for an input that the network does not have.
    """
    from hrpn_tf.data.slide_list import slide_name

    _refuse_unknown_roles(channels, config)
    plain = [path for path in slides if path.suffix.lower() not in LISTS]
    lists: list[Path | None] = [path for path in slides if path.suffix.lower() in LISTS]
    if not slides:
        lists = [None]
    folder = out or run / "predictions"
    found = [
        Request(
            path,
            prediction_path(folder, slide_name(path)),
            {**config.data.channels, **channels},
            None,
        )
        for path in plain
    ]
    for path in lists:
        all_slides = run_slides(run, config, path)
        found += [
            Request(
                slide.path,
                prediction_path(folder, slide.name),
                {**slide.channels, **channels},
                slide.pixel_size_um,
            )
            for slide in choose_slides(all_slides, groups, str(path or run))
        ]
    if out is not None and out.suffix.lower() in (".tif", ".tiff"):
        return _one_file(found, out)
    return _distinct(found)


def check(
    request: Request,
    contract: "Contract",
    config: Config,
    pixel_size_um: float | None,
    overwrite: bool,
) -> Job:
    """Refuse what cannot be predicted before the network is loaded; see ``predict_run``."""
    from hrpn_tf.files import refuse_existing
    from hrpn_tf.prediction import fitting_pixel_size, input_channels
    from hrpn_tf.slides import open_slide

    if request.out.exists() and request.out.samefile(request.slide):
        raise UsageError(f"--out would replace the slide {request.slide}; name another place")
    refuse_existing(request.out, overwrite)
    with open_slide(request.slide) as slide:
        info = slide.info
    channels = input_channels(info, contract, request.channels)
    stated = pixel_size_um or (request.pixel_size_um if info.pixel_size_um is None else None)
    size = fitting_pixel_size(info, contract, stated, config.prediction.pixel_size_tolerance)
    names = {role: info.channels[i] for role, i in zip(contract.inputs, channels, strict=True)}
    return Job(request.slide, request.out, channels, names, size)


def made_by(prediction: Path, network: Path) -> bool:
    """Whether a predicted slide is there and names this very network as its origin."""
    from hrpn_tf.prediction import sha256
    from hrpn_tf.slides import read_provenance

    if not prediction.is_file() or not network.is_file():
        return False
    return bool(read_provenance(prediction).get("model", {}).get("sha256") == sha256(network))


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
