"""Slides, runs and configurations."""

from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal

from hrpn_tf.api.arguments import ConfigArgument, RunArgument, SlideArgument, path_of, run_of

if TYPE_CHECKING:
    from hrpn_tf.config import Config
    from hrpn_tf.runs import Run
    from hrpn_tf.slides import Slide


def open_slide(slide: SlideArgument, z: int | Literal["max", "mean"] | None = None) -> "Slide":
    """Open a whole-slide image; only its description is read.

    Close it after use, or use it as a context manager. ``slide.info`` has the size (px), the
    channels, the pixel size (um) and the levels; ``slide.read`` gives a window as an array
    (height, width, channels) of grey levels.

    Args:
        slide: file or folder, the result of :func:`predict`, or an open slide, which is returned
            as it is.
        z: what is read of a stack of planes in depth: one of them, counted from 1, or ``"max"`` or
            ``"mean"`` of all at each pixel. None refuses stacks.

    Raises:
        DepthError: a stack of which nothing is chosen, or a plane that it does not have.
        SlideNotFoundError: there is no such file or folder.
        SlideFormatError: not a slide of a supported format, or a damaged one.
        PixelSizeError: pixels that are not square.

    Example:
        >>> import hrpn_tf as ht
        >>> with ht.open_slide("slides/slide-001.ome.tif") as slide:
        ...     slide.info.channels, slide.read(0, 0, 32, 64, channels=[0]).shape
        (('vessels', 'nuclei', 'qd'), (32, 64, 1))
    """
    from hrpn_tf.slides import open_slide as open_path

    return open_path(path_of(slide), z=z) if isinstance(slide, str | PathLike) else slide


def open_run(run: RunArgument) -> "Run":
    """Open a run: the folder of one training.

    Args:
        run: folder that :func:`fit` made, its result, or an open run, which is returned as it is.

    Raises:
        RunError: no run folder there.
        ConfigError: its configuration is damaged.

    Example:
        >>> import hrpn_tf as ht
        >>> run = ht.open_run("run")
        >>> run.config.data.target, run.split.test, run.is_calibrated
        ('qd', ('animal-002',), False)
    """
    return run_of(run)


def load_config(
    source: ConfigArgument = None, overrides: Mapping[str, Any] | None = None
) -> "Config":
    """Load a configuration, and change some of its values.

    Args:
        source: path of a YAML file, name of a shipped recipe (demo, published, dextran), values by
            section and key, a configuration, or None for the defaults.
        overrides: values by section and key, ``{"training": {"epochs": 5}}``, or
            ``{"training.epochs": 5}``.

    Raises:
        ConfigError: the file is missing or damaged, a key is unknown, or a value is out of range.

    Example:
        >>> import hrpn_tf as ht
        >>> config = ht.load_config("demo", {"training.epochs": 2})
        >>> config.training.epochs, config.model.preset
        (2, 'hrpn-s')
    """
    from hrpn_tf.config import load_config as load

    return load(source, overrides or {})
