"""Predictions of slides and of arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from hrpn_tf.api.arguments import (
    PathArgument,
    ProgressArgument,
    SlideArgument,
    optional_path,
    overrides_of,
    slide_path,
    work,
)
from hrpn_tf.api.arrays import IntervalArrays, predict_array
from hrpn_tf.api.network import NetworkArgument, candidates_of
from hrpn_tf.api.result import Result
from hrpn_tf.api.show import overview, plane_html

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hrpn_tf.prediction import Region


@dataclass(frozen=True, repr=False)
class PredictionResult(Result):
    """Predicted slides.

    Attributes:
        paths: of the predicted slides.
        seconds: wall time of the call.
    """

    paths: tuple[Path, ...]
    seconds: float

    @property
    def path(self) -> Path:
        """The predicted slide; the first if there are several."""
        return self.paths[0]

    @property
    def folder(self) -> Path:
        """The folder of the predicted slides."""
        return self.path.parent

    @property
    def _location(self) -> Path:
        return self.path if len(self.paths) == 1 else self.folder

    def read(self, number: int = 0) -> "NDArray[np.generic]":
        """Read a predicted slide into memory.

        Args:
            number: index into ``paths``.

        Returns:
            (H, W, outputs) grey levels, in the type that they are stored in. The outputs are the
            prediction and, with intervals, the lower and the upper bound.

        Raises:
            SlideNotFoundError, SlideFormatError: the slide is gone or damaged.
        """
        from hrpn_tf.slides import open_slide

        with open_slide(self.paths[number]) as slide:
            info = slide.info
            return slide.read(0, 0, info.height, info.width, range(len(info.channels)))

    def _facts(self) -> Mapping[str, object]:
        return {"slides": len(self.paths), "seconds": self.seconds}

    def _details(self) -> str:
        from hrpn_tf.errors import HrpnError
        from hrpn_tf.slides import open_slide

        try:
            with open_slide(self.path) as slide:
                return plane_html(self.path.name, overview(slide, [0])[..., 0])
        except HrpnError:
            return ""


@overload
def predict(
    network: NetworkArgument,
    slides: "NDArray[Any]",
    *,
    pixel_size: float,
    intervals: Literal[False] = False,
    symmetries: bool = False,
    model_format: str | None = None,
    precision: str | None = None,
    runtime: str | None = None,
    device: str | None = None,
    uncertified: bool = False,
    settings: Mapping[str, Any] | None = None,
    progress: ProgressArgument = None,
) -> "NDArray[np.float32]": ...
@overload
def predict(
    network: NetworkArgument,
    slides: "NDArray[Any]",
    *,
    pixel_size: float,
    intervals: Literal[True],
    symmetries: bool = False,
    model_format: str | None = None,
    precision: str | None = None,
    runtime: str | None = None,
    device: str | None = None,
    uncertified: bool = False,
    settings: Mapping[str, Any] | None = None,
    progress: ProgressArgument = None,
) -> IntervalArrays: ...
@overload
def predict(
    network: NetworkArgument,
    slides: SlideArgument | Sequence[SlideArgument] = (),
    out: PathArgument | None = None,
    *,
    pixel_size: float | None = None,
    z: int | Literal["max", "mean"] | None = None,
    intervals: bool = False,
    symmetries: bool = False,
    channels: Mapping[str, str | int] | None = None,
    groups: Sequence[str] = (),
    region: tuple[int, int, int, int] | None = None,
    mask: PathArgument | None = None,
    anchor: float | None = None,
    anchor_region: tuple[int, int, int, int] | PathArgument | None = None,
    workers: int = 0,
    model_format: str | None = None,
    precision: str | None = None,
    runtime: str | None = None,
    device: str | None = None,
    uncertified: bool = False,
    settings: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    progress: ProgressArgument = None,
) -> PredictionResult: ...
@overload
def predict(
    network: None = None,
    *,
    slides: "NDArray[Any]",
    weights: str,
    pixel_size: float,
    symmetries: bool = False,
    settings: Mapping[str, Any] | None = None,
    progress: ProgressArgument = None,
) -> "NDArray[np.float32]": ...
@overload
def predict(
    network: None = None,
    *,
    slides: SlideArgument | Sequence[SlideArgument],
    weights: str,
    out: PathArgument | None = None,
    pixel_size: float | None = None,
    z: int | Literal["max", "mean"] | None = None,
    symmetries: bool = False,
    channels: Mapping[str, str | int] | None = None,
    groups: Sequence[str] = (),
    region: tuple[int, int, int, int] | None = None,
    mask: PathArgument | None = None,
    anchor: float | None = None,
    anchor_region: tuple[int, int, int, int] | PathArgument | None = None,
    workers: int = 0,
    settings: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    progress: ProgressArgument = None,
) -> PredictionResult: ...


def predict(
    network: NetworkArgument | None = None,
    slides: "NDArray[Any] | SlideArgument | Sequence[SlideArgument]" = (),
    out: PathArgument | None = None,
    *,
    pixel_size: float | None = None,
    z: int | Literal["max", "mean"] | None = None,
    intervals: bool = False,
    symmetries: bool = False,
    channels: Mapping[str, str | int] | None = None,
    groups: Sequence[str] = (),
    region: tuple[int, int, int, int] | None = None,
    mask: PathArgument | None = None,
    anchor: float | None = None,
    anchor_region: tuple[int, int, int, int] | PathArgument | None = None,
    workers: int = 0,
    model_format: str | None = None,
    precision: str | None = None,
    runtime: str | None = None,
    device: str | None = None,
    uncertified: bool = False,
    weights: str | None = None,
    settings: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    progress: ProgressArgument = None,
) -> "PredictionResult | NDArray[np.float32] | IntervalArrays":
    """Predict slides, or an array, by tiles, without seams.

    An array is predicted as a file with the same pixels is, and the result is the same. A slide or
    array of another pixel size than the network's is resampled to it; the result then has the
    pixels of the network: (round(H * pixel_size / p), round(W * pixel_size / p)) for pixels of
    p um. Files: called again after an interruption, it goes on.

    Args:
        network: run, its folder, a bundle (folder or .zip), the result of :func:`fit`,
            :func:`calibrate` or :func:`export`; or None with ``weights``.
        slides: slides, open or as paths; slide lists (CSV or YAML), of which the groups that
            neither trained nor chose the checkpoint are predicted; empty for the test slides of
            the run; or an array (H, W, inputs) of grey levels, in the order of the inputs of the
            network, with the range of the slides that it was trained on. uint8, uint16 and float32
            are taken as they are, other types of numbers as float32.
        out: folder of the predicted slides, or a file ``*.ome.tif`` or folder ``*.ome.zarr`` for
            one slide; ``RUN/predictions`` if None. Not for arrays.
        pixel_size: um per pixel, of an array, or of slides that state none.
        z: of slides that are stacks: the plane to read, counted from 1, or ``"max"`` or ``"mean"``
            of all planes at each pixel; what the training read if None.
        intervals: predict a lower and an upper bound as well; see :func:`calibrate`.
        symmetries: predict each tile in its eight orientations and average the results, bounds
            included; takes eight times the time in the network.
        channels: role of an input: name or index of its channel in the file.
        groups: of a slide list: only these.
        region: x, y, width, height of the part to predict, px at full resolution.
        mask: GeoJSON file with outlines; only pixels inside them are predicted. Outlines are
            united; those of QuPath's class ``Ignore*`` are cut out.
        anchor: measured mean of the target over the tissue of the animal, to which the prediction
            is scaled, in this unit; a column ``anchor`` of a slide list states it for each animal.
        anchor_region: x, y, width, height of a part of the only slide whose target was measured,
            px at full resolution, or a GeoJSON file with its outlines, to which the prediction is
            scaled.
        workers: processes on this machine; 0 for this one alone.
        model_format, precision: of a bundle: which format runs, e.g. ``"tflite"``, ``"int8"``;
            any format in fp32 if None.
        runtime: what runs the network, e.g. ``"openvino"``, or ``"keras"``; if None or ``"auto"``,
            the fastest certified runtime of this machine, measured once and remembered.
        device: of a bundle: what it runs on, e.g. ``"cuda"``; the CPU if None.
        uncertified: of a bundle: run a format that missed its limit.
        weights: in place of ``network``, the name of weights as listed by ``hrpn-tf weights``: a
            first look without training. Those trained on simulations give a pattern, not amounts;
            a warning and the metadata say so. Results go to ``predictions-NAME`` if ``out`` is
            None.
        settings: keys of the section ``prediction`` of the configuration, e.g.
            ``{"prediction.dtype": "uint16"}``.
        overwrite: replace predictions that are there.
        progress: True for progress bars, or a function that is called with updates.

    Returns:
        Of slides, where they are. Of an array, (H, W) float32 grey levels; with ``intervals``, such
        arrays for the prediction and both bounds.

    Raises:
        UsageError: the array has another number of channels, or is no image; an argument is for
            files or bundles only; not one of ``network`` and ``weights`` is given.
        UnknownWeightsError, WeightsError: there are no such weights, or they are damaged.
        PixelSizeError: no pixel size is stated.
        NonFinitePixelsError: NaN or infinite pixels.
        RunError, CalibrationError: there is no network yet, or no intervals.
        SomeSlidesFailedError: some of several slides failed; the others are done.
        AnchorError: the anchor is not above 0, or the prediction cannot be scaled to it.
        OutputExistsError: a prediction exists, and ``overwrite`` is false.

    Example:
        >>> import hrpn_tf as ht
        >>> predicted = ht.predict("run")
        >>> predicted.read().shape
        (160, 160, 1)
        >>> with ht.open_slide("slides/slide-001.ome.tif") as slide:
        ...     pixels = slide.read(0, 0, 96, 96, channels=[0, 1])
        >>> ht.predict("run", pixels, pixel_size=1.0).shape
        (96, 96)
    """
    import numpy as np

    from hrpn_tf.workflows.predict.options import Execution, PredictionOptions
    from hrpn_tf.workflows.predict.predict import predict_run

    own = {"format": model_format, "precision": precision, "runtime": runtime, "device": device}
    bundle: dict[str, Any] = {name: value for name, value in own.items() if value is not None}
    bundle |= {"uncertified": True} if uncertified else {}
    chosen = candidates_of(network, weights, intervals, bundle)
    settings = {**(settings or {}), "prediction.symmetries": True} if symmetries else settings
    if isinstance(slides, np.ndarray):
        only_files: dict[str, object] = {
            "out": out,
            "channels": channels,
            "z": z,
            "region": region,
            "mask": mask,
        }
        only_files |= {"anchor": anchor is not None, "anchor_region": anchor_region}
        _refuse({**only_files, "groups": groups, "workers": workers})
        with work(progress):
            return predict_array(chosen, slides, pixel_size, intervals, settings)
    with work(progress) as now:
        done = predict_run(
            chosen,
            _paths(slides),
            out=optional_path(out),
            options=PredictionOptions(
                region=_region(region),
                mask=optional_path(mask),
                pixel_size_um=pixel_size,
                z=z,
                groups=tuple(groups),
                channels=channels or {},
                overrides=overrides_of(settings),
                anchor=anchor,
                anchor_region=_region(anchor_region)
                if isinstance(anchor_region, tuple)
                else optional_path(anchor_region),
            ),
            execution=Execution(workers=workers, overwrite=overwrite),
        )
    return PredictionResult(tuple(done), now.seconds)


def _region(region: tuple[int, int, int, int] | None) -> "Region | None":
    from hrpn_tf.prediction import Region

    return None if region is None else Region(region[1], region[0], region[3], region[2])


def _paths(slides: SlideArgument | Sequence[SlideArgument]) -> list[Path]:
    if isinstance(slides, Sequence) and not isinstance(slides, str):
        return [slide_path(slide) for slide in slides]
    return [slide_path(slides)]


def _refuse(given: Mapping[str, object]) -> None:
    from hrpn_tf.errors import UsageError

    for name, value in given.items():
        if value:
            raise UsageError(f"{name}: for slides in files, not for an array")
