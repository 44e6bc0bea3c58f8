"""Store the kernels of a Keras file in float16: half the size, and almost the same predictions."""

import io
import logging
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hrpn_tf.config import Config

if TYPE_CHECKING:
    import keras
    from hrpn_export import Contract

logger = logging.getLogger(__name__)

_WEIGHTS = "model.weights.h5"
_WORTHWHILE = 0.75  # of the size; fewer bytes than this
_SIDE = 256  # px of the image that both predict, a multiple of every stride
_TIME = (1980, 1, 1, 0, 0, 0)  # the oldest that a zip can store: the same file on every day


def store_in_half(path: Path, network: "keras.Model", contract: "Contract", config: Config) -> bool:
    """Replace a Keras file by one with kernels in float16, if that is as good.

    Scales, offsets and moving statistics stay in float32: they are few, and a small variance
    does not fit into float16. The file loads as the network in float32.

    It is as good if it is much smaller, and if no pixel of a simulated slide differs by more, and
    its mean squared error does not rise by more, than a certified fp16 format may.

    Args:
        path: of the Keras file, which is replaced.
        network: that it holds.
        contract, config: of the network.

    Returns:
        Whether the file was replaced.
    """
    from hrpn_export.certificate import LIMITS

    from hrpn_tf.runs.keras_file import load_keras_file

    half = path.with_name(f"half-{path.name}")
    _write_half(path, half)
    if half.stat().st_size > _WORTHWHILE * path.stat().st_size:
        half.unlink()
        return False
    image, truth = _image(contract, config)
    before, after = (_predict(each, image) for each in (network, load_keras_file(half)))
    limit, unit = LIMITS["fp16"], contract.grey_max / 255
    assert limit.grey_levels is not None
    assert limit.mse is not None
    differs = float(np.abs(after - before).max())
    fits = differs <= limit.grey_levels * unit
    if truth is not None:
        errors = [float(np.mean((each - truth) ** 2)) for each in (before, after)]
        fits = fits and errors[1] <= errors[0] * (1 + limit.mse)
    if not fits:  # also of a difference that is not finite
        half.unlink()
        logger.info(f"{path.name}: stays in float32; float16 changes it by {differs:.3g}")
        return False
    half.replace(path)
    logger.info(f"{path.name}: kernels in float16, which changes it by at most {differs:.2g}")
    return True


def _write_half(source: Path, target: Path) -> None:
    import h5py  # type: ignore[import-untyped]

    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "x", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            if name == _WEIGHTS:
                made = io.BytesIO()
                with h5py.File(io.BytesIO(content), "r") as full, h5py.File(made, "w") as halved:
                    _copy_group(full, halved)
                content = made.getvalue()
            new.writestr(zipfile.ZipInfo(name, _TIME), content, zipfile.ZIP_DEFLATED)


def _copy_group(full: "object", halved: "object") -> None:
    """Copy groups, attributes and arrays; kernels become float16 where they fit."""
    import h5py

    assert isinstance(full, h5py.Group)
    assert isinstance(halved, h5py.Group)
    for key, value in full.attrs.items():
        halved.attrs[key] = value
    for key, item in full.items():
        if isinstance(item, h5py.Group):
            _copy_group(item, halved.create_group(key))
            continue
        values = item[()]
        is_kernel = isinstance(values, np.ndarray) and values.ndim > 1
        if is_kernel and values.dtype == np.float32:
            short = values.astype(np.float16)
            values = short if np.isfinite(short).all() else values
        made = halved.create_dataset(key, data=values)
        for name, value in item.attrs.items():
            made.attrs[name] = value


def _image(contract: "Contract", config: Config) -> tuple[np.ndarray, np.ndarray | None]:
    """(1, side, side, inputs) float32 grey levels and (1, side, side, 1) of the target, if known.

    They are simulated as the configuration says, or random where the simulator has not all roles.
    """
    from hrpn_tf.simulation.phantom import make_image

    simulation, data = config.simulation, config.data
    names = (simulation.channels.vessels, simulation.channels.nuclei, simulation.channels.target)
    roles = [data.channels.get(role, role) for role in (*contract.inputs, *contract.outputs)]
    if not set(roles) <= set(names):
        random = np.random.default_rng(0).uniform(
            0, contract.grey_max, (1, _SIDE, _SIDE, len(contract.inputs))
        )
        return random.astype(np.float32), None
    size = {"height": _SIDE, "width": _SIDE, "tissue_share": 1.0}
    planes = make_image(simulation.model_copy(update=size), 0, 0).astype(np.float32)[None]
    order = [names.index(str(role)) for role in roles]
    return planes[..., order[:-1]], planes[..., order[-1:]]


def _predict(network: "keras.Model", image: np.ndarray) -> np.ndarray:
    return np.asarray(network(image, training=False))
