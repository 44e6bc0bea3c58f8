"""The slide and the network of the experiment, made from fixed seeds."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from hrpn_export import Contract

CHANNELS = ("vessels", "nuclei")
SLIDE, NETWORK, COPY, CONTRACT = "slide.ome.tif", "network.keras", "network.pt", "contract.json"
ONNX = "network.onnx"
PIXEL_SIZE_UM = 0.5
LARGEST_DIFFERENCE = 1e-3  # allowed difference of the PyTorch copy, grey levels


def prepare(
    folder: Path, *, preset: str, size: int, tissue: float, slide: str | None
) -> dict[str, Any]:
    """Make the slide, the network, its contract and, if PyTorch is installed, its copy.

    Args:
        folder: folder for the files.
        preset: preset of the network, which stays untrained.
        size: side of the slide, px.
        tissue: share of tissue in the slide.
        slide: OME-TIFF with two channels to use instead; None to generate one.

    Returns:
        Height, width and share of tissue of the slide, halo of the network, and the largest
        difference of the PyTorch copy, grey levels (None without PyTorch).
    """
    from hrpn_tf.slides import open_slide, write_slide

    if slide is None:
        image = tissue_image(size, tissue)
        write_slide(
            folder / SLIDE,
            image,
            channels=CHANNELS,
            pixel_size_um=PIXEL_SIZE_UM,
            provenance={},
            overwrite=True,
        )
    else:
        shutil.copy(slide, folder / SLIDE)
    with open_slide(folder / SLIDE) as made:
        info = made.info
    if len(info.channels) < len(CHANNELS):
        raise SystemExit(f"{slide}: {len(CHANNELS)} channels are wanted, vessels and nuclei")
    contract, difference = _save_network(folder, preset)
    return {
        "height": info.height,
        "width": info.width,
        "tissue": tissue if slide is None else None,
        "halo": halo_of(contract),
        "copy_difference": difference,
    }


def halo_of(contract: Contract) -> int:
    """Half the receptive field, rounded up to the stride multiple, px."""
    assert contract.receptive_field is not None
    multiple = contract.stride_multiple
    return -(-(contract.receptive_field // 2) // multiple) * multiple


def tissue_image(side: int, share: float, seed: int = 0) -> np.ndarray:
    """An image (side, side, 2), uint8, of a section with a wavy edge on a black background.

    The section lies towards one corner, as sections do, so that the background is in one piece.

    >>> float((tissue_image(64, 0.5) > 0).any(axis=-1).mean())
    0.5
    """
    from cv2 import GaussianBlur, resize

    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / side
    waves = resize(rng.normal(size=(8, 8)).astype(np.float32), (side, side))
    height = -np.hypot(y - 0.4, x - 0.35) + 0.05 * waves
    inside = np.ones((side, side), bool)
    if share < 1:
        inside = height.ravel().argsort().argsort().reshape(side, side) >= (1 - share) * side**2
    planes = []
    for scale, level, spread in ((6.0, 24.0, 24.0), (2.5, 36.0, 32.0)):
        noise = rng.normal(size=(side, side)).astype(np.float32)
        texture = GaussianBlur(noise, (0, 0), scale) * (2 * np.sqrt(np.pi) * scale)
        grain = rng.normal(size=(side, side)).astype(np.float32)
        plane = level + spread * np.maximum(texture, -0.5) + 2.0 * grain
        planes.append(np.where(inside, np.clip(np.rint(plane), 1, 255), 0))
    return np.stack(planes, axis=-1).astype(np.uint8)


def _save_network(folder: Path, preset: str) -> tuple[Contract, float | None]:
    import keras
    from hrpn_export.formats.onnx import to_onnx

    from hrpn_tf.models.build import build_model
    from hrpn_tf.models.graph import receptive_field, stride_multiple
    from hrpn_tf.models.scaling import Scaling

    keras.utils.set_random_seed(1)
    scaling = Scaling((30.0, 40.0), (20.0, 25.0), 8.0, (255.0, 255.0), 60.0)
    model = build_model(preset, len(CHANNELS), scaling=scaling)
    _as_if_trained(model)
    contract = Contract(
        CHANNELS,
        ("qd",),
        PIXEL_SIZE_UM,
        stride_multiple(model),
        receptive_field(model),
        True,
        255.0,
    )
    model.save(folder / NETWORK)
    written = to_onnx(model, len(CHANNELS), multiple=contract.stride_multiple)
    (folder / ONNX).write_bytes(written.SerializeToString())
    (folder / CONTRACT).write_text(contract.to_json(), encoding="utf-8")
    return contract, _save_copy(folder, model)


def _as_if_trained(model: Any) -> None:
    """Give batch normalisation random statistics, so that there is something to fold."""
    rng = np.random.default_rng(1)
    for layer in model.layers:
        if type(layer).__name__ == "BatchNormalization":
            shape = layer.get_weights()[0].shape
            gain, variance = rng.uniform(0.7, 1.3, shape), rng.uniform(0.7, 1.3, shape)
            layer.set_weights(
                [gain, rng.normal(0, 0.1, shape), rng.normal(0, 0.1, shape), variance]
            )


def _save_copy(folder: Path, model: Any) -> float | None:
    """Copy the network to PyTorch, and return the largest difference on a random tile.

    Raises:
        SystemExit: the two differ, so that a comparison would be meaningless.
    """
    try:
        import torch
    except ImportError:
        return None
    from experiments.sliding_window.torch_copy import TorchCopy

    copy = TorchCopy(model).eval()
    torch.save(copy, folder / COPY)
    tile = np.random.default_rng(2).integers(0, 256, (1, 512, 512, len(CHANNELS)))
    expected = model(tile.astype(np.float32), training=False).numpy()
    with torch.inference_mode():
        got = copy(torch.from_numpy(tile).permute(0, 3, 1, 2).float()).permute(0, 2, 3, 1).numpy()
    difference = float(np.abs(got - expected).max())
    if not difference <= LARGEST_DIFFERENCE or expected.std() < 0.1:
        raise SystemExit(f"the PyTorch copy differs by up to {difference:g} grey levels")
    return difference
