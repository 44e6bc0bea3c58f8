"""Predictions of slides and of arrays."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Union, overload

from hrpn_tf.api.arguments import (
    PathArgument,
    ProgressArgument,
    RunArgument,
    SlideArgument,
    optional_path,
    overrides_of,
    path_of,
    run_of,
    slide_path,
    work,
)
from hrpn_tf.api.result import Result
from hrpn_tf.api.show import facts_html, overview, plane_html

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hrpn_tf.workflows.networks.network import Network

NetworkArgument = Union[RunArgument, "Network"]


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
    def location(self) -> Path:
        """The predicted slide if there is one; the folder if there are several."""
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

    def facts(self) -> Mapping[str, object]:
        """See :class:`Result`."""
        return {"slides": len(self.paths), "seconds": self.seconds}

    def _details(self) -> str:
        from hrpn_tf.errors import HrpnError
        from hrpn_tf.slides import open_slide

        try:
            with open_slide(self.path) as slide:
                return plane_html(self.path.name, overview(slide, [0])[..., 0])
        except HrpnError:
            return ""


@dataclass(frozen=True, repr=False)
class IntervalArrays:
    """A prediction with bounds, in memory.

    Attributes:
        mean: (H, W) float32, the prediction, grey levels.
        lower, upper: (H, W) float32, bounds, grey levels.
        coverage: nominal share of pixels within the bounds, 0 to 1.
    """

    mean: "NDArray[np.float32]"
    lower: "NDArray[np.float32]"
    upper: "NDArray[np.float32]"
    coverage: float

    def __repr__(self) -> str:
        height, width = self.mean.shape
        return f"<IntervalArrays {height} x {width} px, coverage={self.coverage:g}>"

    def _repr_html_(self) -> str:
        planes = {"prediction": self.mean, "width of the interval": self.upper - self.lower}
        pictures = "".join(plane_html(name, plane) for name, plane in planes.items())
        return facts_html("IntervalArrays", {"coverage": self.coverage}) + pictures


@overload
def predict(
    network: NetworkArgument,
    slides: "NDArray[Any]",
    *,
    pixel_size: float,
    intervals: Literal[False] = False,
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
    intervals: bool = False,
    channels: Mapping[str, str | int] | None = None,
    groups: Sequence[str] = (),
    region: tuple[int, int, int, int] | None = None,
    mask: PathArgument | None = None,
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


def predict(
    network: NetworkArgument,
    slides: "NDArray[Any] | SlideArgument | Sequence[SlideArgument]" = (),
    out: PathArgument | None = None,
    *,
    pixel_size: float | None = None,
    intervals: bool = False,
    channels: Mapping[str, str | int] | None = None,
    groups: Sequence[str] = (),
    region: tuple[int, int, int, int] | None = None,
    mask: PathArgument | None = None,
    workers: int = 0,
    model_format: str | None = None,
    precision: str | None = None,
    runtime: str | None = None,
    device: str | None = None,
    uncertified: bool = False,
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
            :func:`calibrate` or :func:`export`.
        slides: slides, open or as paths; slide lists (CSV or YAML), of which the groups that
            neither trained nor chose the checkpoint are predicted; empty for the test slides of
            the run; or an array (H, W, inputs) of grey levels, in the order of the inputs of the
            network, with the range of the slides that it was trained on. uint8, uint16 and float32
            are taken as they are, other types of numbers as float32.
        out: folder of the predicted slides, or a file ``*.ome.tif`` or folder ``*.ome.zarr`` for
            one slide; ``RUN/predictions`` if None. Not for arrays.
        pixel_size: um per pixel, of an array, or of slides that state none.
        intervals: predict a lower and an upper bound as well; see :func:`calibrate`.
        channels: role of an input: name or index of its channel in the file.
        groups: of a slide list: only these.
        region: x, y, width, height of the part to predict, px at full resolution.
        mask: GeoJSON file with outlines; only pixels inside them are predicted.
        workers: processes on this machine; 0 for this one alone.
        model_format, precision: of a bundle: which format runs, e.g. ``"tflite"``, ``"int8"``;
            ONNX in fp32 if None.
        runtime, device: of a bundle: what it runs on, e.g. ``"openvino"``, ``"cuda"``; the first
            runtime of the format on the CPU if None.
        uncertified: of a bundle: run a format that missed its limit.
        settings: keys of the section ``prediction`` of the configuration, e.g.
            ``{"prediction.dtype": "uint16"}``.
        overwrite: replace predictions that are there.
        progress: True for progress bars, or a function that is called with updates.

    Returns:
        Of slides, where they are. Of an array, (H, W) float32 grey levels; with ``intervals``, such
        arrays for the prediction and both bounds.

    Raises:
        UsageError: the array has another number of channels, or is no image; an argument is for
            files or bundles only.
        PixelSizeError: no pixel size is stated.
        NonFinitePixelsError: NaN or infinite pixels.
        RunError, CalibrationError: there is no network yet, or no intervals.
        SomeSlidesFailedError: some of several slides failed; the others are done.
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

    from hrpn_tf.prediction import Region
    from hrpn_tf.workflows.predict.options import Execution, PredictionOptions
    from hrpn_tf.workflows.predict.predict import predict_run

    own = {"format": model_format, "precision": precision, "runtime": runtime, "device": device}
    bundle: dict[str, Any] = {name: value for name, value in own.items() if value is not None}
    bundle |= {"uncertified": True} if uncertified else {}
    chosen = network_of(network, intervals, bundle)
    if isinstance(slides, np.ndarray):
        only_files = {"out": out, "channels": channels, "region": region, "mask": mask}
        _refuse({**only_files, "groups": groups, "workers": workers})
        with work(progress):
            return _predict_array(chosen, slides, pixel_size, intervals, settings)
    with work(progress) as now:
        done = predict_run(
            chosen,
            _paths(slides),
            out=optional_path(out),
            options=PredictionOptions(
                region=region and Region(region[1], region[0], region[3], region[2]),
                mask=optional_path(mask),
                pixel_size_um=pixel_size,
                groups=tuple(groups),
                channels=channels or {},
                overrides=overrides_of(settings),
            ),
            execution=Execution(workers=workers, overwrite=overwrite),
        )
    return PredictionResult(tuple(done), now.seconds)


def network_of(
    argument: NetworkArgument, intervals: bool = False, bundle: Mapping[str, Any] | None = None
) -> "Network":
    """The network of a run or a bundle.

    Args:
        argument: see :func:`predict`.
        intervals: whether its bounds are wanted.
        bundle: fields of a ``BundleNetwork``.

    Raises:
        RunError: there is neither a run nor a bundle.
        UsageError: ``bundle`` for something else.
    """
    from hrpn_tf.errors import UsageError
    from hrpn_tf.runs import Run
    from hrpn_tf.workflows.networks.bundle import BundleNetwork
    from hrpn_tf.workflows.networks.run import RunNetwork

    if not isinstance(argument, Run | str | PathLike):
        return argument
    if not isinstance(argument, Run):
        path = path_of(argument)
        if path.suffix.lower() == ".zip" or (path / "bundle.json").is_file():
            return BundleNetwork(path, intervals=intervals, **(bundle or {}))
    if bundle:
        raise UsageError(f"{next(iter(bundle))}: for bundles only")
    return RunNetwork(run_of(argument), intervals)


def _paths(slides: SlideArgument | Sequence[SlideArgument]) -> list[Path]:
    if isinstance(slides, Sequence) and not isinstance(slides, str):
        return [slide_path(slide) for slide in slides]
    return [slide_path(slides)]


def _refuse(given: Mapping[str, object]) -> None:
    from hrpn_tf.errors import UsageError

    for name, value in given.items():
        if value:
            raise UsageError(f"{name}: for slides in files, not for an array")


def _predict_array(
    network: "Network",
    array: "NDArray[Any]",
    pixel_size: float | None,
    intervals: bool,
    settings: Mapping[str, Any] | None,
) -> "NDArray[np.float32] | IntervalArrays":
    """Predict an array as the file of the same pixels, which lies in a temporary folder."""
    import numpy as np

    from hrpn_tf.slides import open_slide, write_slide
    from hrpn_tf.workflows.predict.options import Execution, PredictionOptions
    from hrpn_tf.workflows.predict.predict import predict_run

    contract = network.contract()
    image = checked_image(array, contract.inputs, pixel_size)
    exact = {"format": "ome-zarr-0.5", "dtype": "float32"}
    options = PredictionOptions(
        pixel_size_um=pixel_size,
        channels={role: index for index, role in enumerate(contract.inputs)},
        overrides=overrides_of({**(settings or {}), "prediction": exact}),
    )
    with tempfile.TemporaryDirectory(prefix="hrpn-array-") as folder:
        source, out = Path(folder) / "array.ome.zarr", Path(folder) / "predicted.ome.zarr"
        write_slide(
            source,
            image,
            channels=contract.inputs,
            pixel_size_um=pixel_size,
            provenance={},
        )
        predict_run(
            network,
            [source],
            out=out,
            options=options,
            execution=Execution(on_done=lambda line: None),
        )
        with open_slide(out) as slide:
            info = slide.info
            planes = slide.read(0, 0, info.height, info.width, range(len(info.channels)))
    planes = planes.astype(np.float32, copy=False)
    if not intervals and contract.coverage is None:
        return np.ascontiguousarray(planes[..., 0])
    assert contract.coverage is not None
    mean, lower, upper = (np.ascontiguousarray(planes[..., i]) for i in range(3))
    return IntervalArrays(mean, lower, upper, contract.coverage)


def checked_image(
    array: "NDArray[Any]", inputs: Sequence[str], pixel_size: float | None
) -> "NDArray[Any]":
    """The array as a slide stores it: (H, W, inputs), uint8, uint16 or float32.

    Raises:
        UsageError: it is no such image.
        PixelSizeError: no pixel size, or one that is not positive.
        NonFinitePixelsError: NaN or infinite pixels.
    """
    import numpy as np

    from hrpn_tf.errors import NonFinitePixelsError, PixelSizeError, UsageError

    image = np.asarray(array)
    wanted = f"(height, width, {len(inputs)}) with the channels {', '.join(inputs)}"
    if image.ndim != 3 or image.shape[2] != len(inputs) or 0 in image.shape:
        raise UsageError(f"array of shape {image.shape}: the network takes {wanted}")
    if image.dtype.kind not in "uif":
        raise UsageError(f"array of type {image.dtype}: the network takes numbers")
    if pixel_size is None:
        raise PixelSizeError("an array states no pixel size; give pixel_size, um per pixel")
    if not (np.isfinite(pixel_size) and pixel_size > 0):
        raise PixelSizeError(f"pixel_size={pixel_size}: must be a positive number of um")
    if image.dtype not in (np.uint8, np.uint16, np.float32):
        image = image.astype(np.float32)
    finite = np.isfinite(image) if image.dtype.kind == "f" else None
    if finite is not None and not finite.all():
        row, column, channel = np.argwhere(~finite)[0]
        raise NonFinitePixelsError(
            f"array: NaN or infinite pixel at row {row}, column {column}, channel {channel}; "
            "replace such pixels first"
        )
    return image
