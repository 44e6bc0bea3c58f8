"""Does the data pipeline keep up with training at the published scale?

    python benchmarks/experiments/input_pipeline.py  # 2 000 patches, a few minutes
    # the published number, 26 GB of pixels
    python benchmarks/experiments/input_pipeline.py --patches 32700

Makes a synthetic patch dataset, reads one shuffled and augmented epoch of it, and trains a preset
on a batch that is already in memory. Prints both rates, their ratio, and the memory. Only the
package's own code reads and writes patches.
"""

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from tqdm import tqdm

from hrpn_tf.data.manifest import (
    MANIFEST,
    DatasetManifest,
    SlideRecord,
    slide_folder,
    write_json,
)
from hrpn_tf.data.moments import ChannelMoments
from hrpn_tf.data.shards import PatchWriter

POOL = 64  # distinct noise patches; each is stored many times, shifted each time
MEAN_GREY = 20.0  # Poisson noise with this mean compresses about as well as real fields (1.8)


@dataclass(frozen=True)
class Rate:
    """Patches per second of wall time, and processor time per patch, s."""

    patches_per_s: float
    processor_s: float


def main() -> None:
    """Run the benchmark."""
    options = _options()
    folder = Path(tempfile.mkdtemp(prefix="hrpn-store-", dir=options.folder))
    try:
        _make_store(folder / "store", options)
        _forget_pages(folder)
        feed = _in_new_process(_feed, folder / "store", options)
    finally:
        shutil.rmtree(folder)
    train = _in_new_process(_train, options)
    print(
        f"feeding {feed.patches_per_s:.0f} patches/s is "
        f"{feed.patches_per_s / train.patches_per_s:.1f} times the training's "
        f"{train.patches_per_s:.2f}; in processor time, which other programs do not disturb, a "
        f"patch costs {train.processor_s / feed.processor_s:.1f} times more to train on"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--patches", type=int, default=2000, help="number of patches")
    parser.add_argument("--patch", type=int, default=512, help="side, px")
    parser.add_argument("--inputs", type=int, default=2, help="input channels; one target is added")
    parser.add_argument("--groups", type=int, default=6, help="slides, each in its own group")
    parser.add_argument("--batch", type=int, default=32, help="patches per batch when reading")
    parser.add_argument("--preset", default="hrpn-s", help="network to train")
    parser.add_argument("--train-batch", type=int, default=8, help="patches per training step")
    parser.add_argument("--steps", type=int, default=5, help="timed training steps")
    parser.add_argument("--threads", type=int, default=2, help="threads of TensorFlow")
    parser.add_argument("--folder", type=Path, help="folder for the temporary patch dataset")
    return parser.parse_args()


def _in_new_process(function: Callable[..., Rate], *arguments: Any) -> Rate:
    """Run in a new interpreter, so that the peak memory is that of ``function`` alone."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def _make_store(path: Path, options: argparse.Namespace) -> None:
    """Write a patch dataset of Poisson noise, uint8, without reading slides."""
    start = time.perf_counter()
    patches, patch, inputs = options.patches, options.patch, options.inputs
    random = np.random.default_rng(0)
    roles = (*(f"input{i}" for i in range(inputs)), "target")
    shape = (patch, patch, len(roles))
    pool = np.stack([random.poisson(MEAN_GREY, shape).astype(np.uint8) for _ in range(POOL)])
    slides = []
    bar = tqdm(total=patches, desc="store", unit="patch")
    for group, share in enumerate(np.array_split(np.arange(patches), options.groups)):
        folder = slide_folder(path, group)
        folder.mkdir(parents=True)
        with PatchWriter(folder / "patches", len(share), shape, pool.dtype) as out:
            for i in share:
                out.append(np.roll(pool[i % POOL], int(i), axis=0), int(i))
                bar.update()
        slides.append(_record(f"slide{group}", roles, patch, len(share)))
    bar.close()
    manifest = DatasetManifest(
        roles, "uint8", patch, patch, 0.5, "synthetic", "benchmark", tuple(slides)
    )
    write_json(path / MANIFEST, manifest)
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    raw = patches * int(np.prod(shape))
    print(
        f"store: {patches} patches of {shape}, {raw / 1e9:.1f} GB of pixels in {size / 1e9:.1f} GB "
        f"(ratio {raw / size:.2f}), written at {patches / (time.perf_counter() - start):.0f} "
        "patches/s"
    )


def _record(name: str, roles: tuple[str, ...], patch: int, patches: int) -> SlideRecord:
    side = int(np.ceil(np.sqrt(patches)))
    corners = tuple((int(i // side) * patch, int(i % side) * patch) for i in range(patches))
    return SlideRecord(
        name=name,
        group=name,
        path=name,
        channels={role: role for role in roles},
        height=side * patch,
        width=side * patch,
        pixel_size_um=0.5,
        tissue_share=1.0,
        moments={role: ChannelMoments(1, MEAN_GREY, MEAN_GREY, 255.0) for role in roles},
        corners=corners,
        shares=(1.0,) * patches,
    )


def _forget_pages(folder: Path) -> None:
    """Drop the files from the system's cache, so that reading starts at the disk."""
    for file in folder.rglob("*"):
        if file.is_file():
            with file.open("rb") as opened:
                os.fsync(opened.fileno())
                os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _feed(path: Path, options: argparse.Namespace) -> Rate:
    """Rate of reading one epoch; prints its memory above that of TensorFlow itself."""
    tf = _tensorflow(options.threads)
    from hrpn_tf.config import AugmentationConfig
    from hrpn_tf.data.order import Order
    from hrpn_tf.data.pipeline import make_dataset
    from hrpn_tf.data.store import open_store

    before = _resident()
    store = open_store(path)
    jitter = AugmentationConfig(gain_jitter=0.1)
    dataset = make_dataset(store, store.groups, Order(options.batch), jitter)
    count, cpu, start = 0, time.process_time(), time.perf_counter()
    for inputs, _ in tqdm(dataset, desc="feed", unit="batch"):
        count += len(inputs)
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = 1024 * int(status.split("VmHWM:")[1].split()[0])  # ru_maxrss starts at the parent's
    print(
        f"feed: {count} shuffled, augmented patches in batches of {options.batch}: "
        f"{count / wall:.0f} patches/s, {1e3 * cpu / count:.1f} ms of processor each; peak memory "
        f"{(peak - before) / 2**20:.0f} MiB above the {before / 2**20:.0f} MiB of the interpreter "
        f"with TensorFlow {tf.__version__}"
    )
    return Rate(count / wall, cpu / count)


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _tensorflow(threads: int) -> ModuleType:
    """Load and start TensorFlow with a number of threads."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    tf.constant(0.0) + 1.0  # starts the runtime
    return tf


def _train(options: argparse.Namespace) -> Rate:
    """Rate of training on a batch in memory."""
    _tensorflow(options.threads)
    import keras

    from hrpn_tf.models.build import build_model

    model = build_model(options.preset, inputs=options.inputs)
    model.compile(optimizer=keras.optimizers.AdamW(1e-3), loss="mse")
    side = options.patch
    random = np.random.default_rng(0)
    inputs = random.poisson(MEAN_GREY, (options.train_batch, side, side, options.inputs))
    target = random.poisson(MEAN_GREY, (options.train_batch, side, side, 1))
    inputs, target = inputs.astype(np.float32), target.astype(np.float32)
    model.train_on_batch(inputs, target)  # traces the graph
    cpu, start = time.process_time(), time.perf_counter()
    for _ in tqdm(range(options.steps), desc="train", unit="step"):
        model.train_on_batch(inputs, target)
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    count = options.steps * options.train_batch
    print(
        f"train: {options.preset} on {options.threads} threads, batches of {options.train_batch}: "
        f"{count / wall:.2f} patches/s, {1e3 * cpu / count:.0f} ms of processor each"
    )
    return Rate(count / wall, cpu / count)


if __name__ == "__main__":
    main()
