"""Run folders, their slides, and the command that predicts these."""

import json
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import tifffile
from hrpn_export import Contract

from hrpn_tf.config import load_config, to_yaml
from hrpn_tf.prediction.unfinished import Unfinished, Work
from hrpn_tf.slides import open_slide, write_slide
from support.command import hrpn_tf

ROLES = ("vessels", "nuclei", "qd")
GROUPS = {"a": "train", "b": "validation", "c": "test"}
TILE = 64


def save_network(path: Path, inputs: int = 2, seed: int = 0) -> None:
    """A network with a stride, zero padding and a receptive field of a few tens of pixels."""
    import keras

    keras.utils.set_random_seed(seed)
    x = grey = keras.Input((None, None, inputs))
    fine = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    x = keras.layers.Conv2D(6, 3, strides=4, padding="same", activation="relu")(fine)
    x = keras.layers.Conv2D(6, 3, padding="same", activation="relu")(x)
    x = keras.layers.Conv2DTranspose(4, 4, strides=4)(x)
    x = keras.layers.Concatenate()([fine, x])
    keras.Model(grey, keras.layers.Conv2D(1, 3, padding="same")(x)).save(path)


def make_run(
    run: Path,
    network: Path | None = None,
    contract: Contract | None = None,
    *,
    groups: Mapping[str, str] = GROUPS,
    store: Path | None = None,
    overrides: Sequence[str] = (f"prediction.tile={TILE}",),
) -> Path:
    """What ``hrpn-tf fit`` leaves, as far as the other commands read it.

    Args:
        run: the folder, which is made.
        network: file of a network, which is copied.
        contract: of the network; without it that of ``save_network``, if there is a network.
        groups: subset of each group of slides; other names than those of the three subsets are of
            groups that were left out.
        store: the patches that it was trained on, or a folder that is not there.
        overrides: of the configuration.
    """
    run.mkdir(parents=True)
    # as fit records it
    overrides = ["training.crop=null", *overrides]
    (run / "hrpn.yaml").write_text(to_yaml(load_config(overrides=overrides)))
    set_split(run, groups)
    if network is not None:
        (run / "best.keras").write_bytes(network.read_bytes())
        contract = contract or Contract(ROLES[:2], ("qd",), 0.5, 4, 41, True, 255.0)
    if contract is not None:
        (run / "contract.json").write_text(contract.to_json())
    if store is not None:
        (run / "store.json").write_text(json.dumps({"path": str(store)}))
    return run


def set_split(run: Path, groups: Mapping[str, str]) -> None:
    """Write which groups a run was trained, validated and tested on."""
    split = {
        subset: {"groups": [g for g, s in groups.items() if s == subset], "slides": []}
        for subset in ("train", "validation", "test")
    }
    (run / "split.json").write_text(json.dumps(split))


def write_slides(
    folder: Path,
    groups: Iterable[str],
    image: Callable[[int], np.ndarray],
    channels: Sequence[str] = ROLES,
) -> Path:
    """Write ``image(0)``, ``image(1)``, ..., one slide for each group; gives their list."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["slide,group"]
    for seed, group in enumerate(groups):
        path = folder / f"{group}.ome.tif"
        write_slide(path, image(seed), channels=channels, pixel_size_um=0.5, provenance={})
        lines.append(f"{path.name},{group}")
    (folder / "slides.csv").write_text("\n".join(lines))
    return folder / "slides.csv"


def write(
    path: Path,
    seed: int = 0,
    channels: tuple[str, ...] = ROLES,
    size: float | None = 0.5,
    shape: tuple[int, int] = (150, 201),
    position: tuple[float, float] | None = None,
) -> Path:
    """A slide of noise."""
    image = np.random.default_rng(seed).integers(0, 256, (*shape, len(channels)), np.uint8)
    write_slide(
        path,
        image,
        channels=channels,
        pixel_size_um=size,
        position_um=position,
        provenance={},
        overwrite=True,
    )
    return path


def predict(run: Path, *arguments: object) -> int:
    """Exit code of ``hrpn-tf predict``."""
    return hrpn_tf("predict", "--run", run, *arguments).exit_code


def change_contract(run: Path, **changes: object) -> None:
    """Let the run's network promise something else."""
    path = run / "contract.json"
    values = asdict(Contract.from_json(path.read_text()))
    path.write_text(json.dumps({**values, **changes}))


def pixels(path: Path) -> np.ndarray:
    """(H, W) of the first channel of a slide."""
    with open_slide(path) as slide:
        return slide.read(0, 0, slide.info.height, slide.info.width, [0])[..., 0]


def files_below(path: Path) -> dict[str, bytes]:
    """Name and content of a file, or of every file in a folder.

    That of a TIFF is its pixels and tags; the compressed bytes of equal pixels have differed.
    """
    if path.is_file():
        return {"": _content(path)}
    return {str(p.relative_to(path)): _content(p) for p in path.rglob("*") if p.is_file()}


_PLACES = ("TileOffsets", "TileByteCounts", "StripOffsets", "StripByteCounts", "SubIFDs")


def _content(path: Path) -> bytes:
    data = path.read_bytes()
    if path.suffix != ".tif":
        return data
    try:
        with tifffile.TiffFile(path) as file:
            pages = [level for page in file.pages for level in (page, *(page.pages or ()))]
            tags = [[(t.name, t.value) for t in p.tags if t.name not in _PLACES] for p in pages]
            return repr(tags).encode() + b"".join(page.asarray().tobytes() for page in pages)
    except (ValueError, IndexError, struct.error):  # one that a test damaged
        return data


def finished_blocks(out: Path) -> set[int]:
    """Numbers of the blocks that an unfinished prediction has."""
    folders = Unfinished(out).folder.glob("work-*")
    return {index for folder in folders for index in Work(folder).journal().finished()}
