"""The command that predicts a slide in another process, its result, and what is unfinished."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hrpn_tf.napari_plugin.networks import NetworkChoice
from hrpn_tf.napari_plugin.region import PixelRegion
from hrpn_tf.prediction.unfinished import Unfinished
from hrpn_tf.slides.depth import Depth
from hrpn_tf.slides.names import file_stem, slide_name

SUFFIX = ".ome.tif"
_UNFINISHED = ".unfinished-"


@dataclass(frozen=True)
class CommandWish:
    """What is to be predicted.

    Attributes:
        slide: file or folder.
        network: that predicts it.
        channels: index of the channel of each input, by role.
        folder: of the result.
        region: part of the slide; None for all of it.
        bounds: whether lower and upper bounds are predicted, too.
        pixel_size_um: um per pixel, if the file states none.
        overwrite: whether another result there is replaced.
        depth: what is read of a stack; None of a slide with one plane.
    """

    slide: Path
    network: NetworkChoice
    channels: Mapping[str, int]
    folder: Path
    region: PixelRegion | None = None
    bounds: bool = False
    pixel_size_um: float | None = None
    overwrite: bool = False
    depth: Depth | None = None

    @property
    def out(self) -> Path:
        """Path of the result: the slide's name, and the region."""
        where = "" if self.region is None else f"_{str(self.region).replace(',', '_')}"
        return self.folder / f"{file_stem(slide_name(self.slide))}{where}{SUFFIX}"

    @property
    def arguments(self) -> list[str]:
        """Program and arguments. Run again, a prediction that was stopped goes on."""
        region = [] if self.region is None else ["--region", str(self.region)]
        size = [] if self.pixel_size_um is None else ["--pixel-size", f"{self.pixel_size_um!r}"]
        channels = [f"--channel={role}={index}" for role, index in self.channels.items()]
        return [
            # -P: no module of the working folder takes the place of a library's
            sys.executable, "-P", "-m", "hrpn_tf", "predict", str(self.slide.absolute()),
            *self.network.arguments, "--out", str(self.out.absolute()), *channels, *region, *size,
            *([] if self.depth is None else ["--z", str(self.depth)]),
            *(["--intervals"] if self.bounds else []),
            "--overwrite" if self.overwrite else "--skip-existing", "--log-json",
        ]  # fmt: skip


def results_folder(
    slide: Path, network: NetworkChoice, bounds: bool, depth: Depth | None = None
) -> Path:
    """Where the predictions of a network go unless a user names another folder.

    Each plane of a stack has a folder of its own, so that one does not replace another.

    >>> results_folder(Path("slides/a.ome.tif"), NetworkChoice("weights", "hrpn-m-sim"), False)
    PosixPath('slides/predictions-hrpn-m-sim')
    """
    of = "" if depth is None else f"-z{depth}"
    end = "-intervals" if bounds else ""
    return slide.parent / f"predictions-{file_stem(network.name)}{of}{end}"


def unfinished_regions(slide: Path, folder: Path) -> list[PixelRegion | None]:
    """What of a slide is predicted in part in a folder of results; None stands for the slide."""
    stem = file_stem(slide_name(slide))
    found: list[PixelRegion | None] = []
    for path in sorted(folder.glob(f"{_UNFINISHED}*{SUFFIX}")):
        name = path.name.removeprefix(_UNFINISHED).removesuffix(SUFFIX)
        if not name.startswith(stem) or not Unfinished(folder / f"{name}{SUFFIX}").is_begun():
            continue
        if name == stem:
            found.append(None)
            continue
        try:
            found.append(PixelRegion.parse(name.removeprefix(f"{stem}_").replace("_", ",")))
        except ValueError:  # of a slide whose name begins alike
            continue
    return found
