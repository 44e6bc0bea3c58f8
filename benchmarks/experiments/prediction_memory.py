"""How much memory does the prediction of a slide take, and does it stay within ``--max-ram``?

    # 4 000 and 64 000 px a side; 10 GB of disk
    python benchmarks/experiments/prediction_memory.py sides
    # shipped networks within several budgets
    python benchmarks/experiments/prediction_memory.py budgets

Prints Markdown tables. Every measurement runs in a fresh process; peaks are those of the system
(VmHWM). ``sides`` predicts slides that are generated while they are read, with a network that sums
its inputs: in TensorFlow, as in the command, or with ``--network numpy`` in NumPy, to measure
everything besides the network.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

MB = 10**6


def main() -> None:
    """Measure each case in a new process and print a table."""
    options = _options()
    if options.case:
        _CASES[options.table](options.case, Path(options.folder))
        print(_peak())
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        _TABLES[options.table](options, folder)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("table", choices=("sides", "budgets"), help="slides of several sizes, or memory budgets")
    add("--sides", nargs="+", default=["4000", "64000"], help="sides of the slides, px")
    add("--tile", default="1024", help="px; small enough for several tiles in the smallest slide")
    networks = ("tensorflow", "numpy")
    add("--network", choices=networks, default="tensorflow", help="network for the sides")
    names = ["out.ome.zarr", "out.ome.tif"]
    add("--names", nargs="+", default=names, help="results; the suffix is the format")
    add("--ram", nargs="+", default=["1.2GB", "1.5GB", "2GB", "4GB"], help="memory budgets")
    add("--presets", nargs="+", default=["hrpn-s", "hrpn-m"], help="networks for the budgets")
    add("--side", type=int, default=3000, help="side of the slide for the budgets, px")
    add("--pixel-size", type=float, default=0.5, help="its pixel size, um; networks expect 0.5")
    add("--folder", help="folder for slides and results")
    add("--case", nargs="+", help=argparse.SUPPRESS)
    return parser.parse_args()


def _sides(options: argparse.Namespace, folder: str) -> None:
    print("| result | side, px | peak, MB | of the smallest slide |")
    print("|---|---|---|---|")
    for name in options.names:
        first = 0
        for side in options.sides:
            peak = _measured("sides", folder, side, f"{side}-{name}", options.tile, options.network)
            first = first or peak
            print(f"| `{name}` | {side} | {peak / MB:.0f} | {peak / first:.2f} |", flush=True)


def _budgets(options: argparse.Namespace, folder: str) -> None:
    print("| network | --max-ram | peak, MB | of the budget | tile, px | computed / kept |")
    print("|---|---|---|---|---|---|")
    _write_slide(Path(folder) / "slide.ome.tif", options.side, options.pixel_size)
    for preset in options.presets:
        run = Path(folder) / preset
        _write_run(run, preset)
        for ram in options.ram:
            peak = _measured("budgets", folder, preset, ram)
            share = peak / (float(ram.removesuffix("GB")) * 1000 * MB)
            tile, computed = _tile(_result(Path(folder), preset, ram), options.side)
            columns = f"{peak / MB:.0f} | {share:.2f} | {tile} | {computed:.3f}"
            print(f"| `{preset}` | {ram} | {columns} |", flush=True)


def _tile(result: Path, side: int) -> tuple[str, float]:
    """The tile, halo included, and the pixels that tiles of this shape have, per pixel of the
    slide."""
    from hrpn_tf.slides import read_provenance

    tiling = read_provenance(result)["tiling"]
    tile, block = tiling["tile_px"], tiling["block_px"]
    tiles = (side + block[0] - 1) // block[0] * ((side + block[1] - 1) // block[1])
    return f"{tile[0]} x {tile[1]}", tiles * tile[0] * tile[1] / side**2


def _measured(table: str, folder: str, *case: str) -> int:
    command = [sys.executable, __file__, table, "--folder", folder, "--case", *case]
    done = subprocess.run(
        command,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    for line in done.stdout.splitlines()[:-1]:
        print(line, file=sys.stderr, flush=True)
    return int(done.stdout.split()[-1])


def _peak() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def _side_case(case: Sequence[str], folder: Path) -> None:
    from hrpn_tf.config import PredictionConfig
    from hrpn_tf.prediction import predict_slide

    side, name, tile, network = case
    config = PredictionConfig.model_validate(
        {"max_ram": "2GB", "dtype": "uint8", "tile": tile, "format": _format(name)}
    )
    session = _Sum() if network == "numpy" else _keras_sum()
    summary = predict_slide(session, _MadeUp(int(side)), [0, 1], folder / name, config=config)
    print(summary.path.name, f"{summary.seconds:.0f} s, tiles {summary.tiling.shape}")


def _format(name: str) -> str:
    return "ome-zarr-0.5" if name.endswith(".zarr") else "ome-tiff"


def _budget_case(case: Sequence[str], folder: Path) -> None:
    from hrpn_tf.cli.main import run

    preset, ram = case
    out = _result(folder, preset, ram)
    options = ["--run", folder / preset, "--max-ram", ram, "--out", out, "--no-skip-empty"]
    try:
        run(["predict", *map(str, [folder / "slide.ome.tif", *options])])
    except SystemExit as stop:
        if stop.code:
            raise


def _result(folder: Path, preset: str, ram: str) -> Path:
    return folder / f"{preset}-{ram}.ome.tif"


class _Sum:
    """A network without weights that is exact in tiles, with a receptive field of 29 px."""

    def __init__(self) -> None:
        from hrpn_export import Contract

        self.contract = Contract(("a", "b"), ("qd",), 0.5, 16, 29, True, 255.0)

    def __call__(self, batch: Any) -> Any:
        import numpy as np

        return batch[..., :1].astype(np.float32) + batch[..., 1:]


def _keras_sum() -> Any:
    import keras
    from hrpn_export.keras_session import KerasSession

    inputs = keras.Input((None, None, 2))
    layer = keras.layers.Conv2D(1, 1, use_bias=False, kernel_initializer="ones")
    return KerasSession(keras.Model(inputs, layer(inputs)), _Sum().contract)


class _MadeUp:
    """A slide of any size: smooth waves and a little periodic noise."""

    def __init__(self, side: int) -> None:
        import numpy as np

        from hrpn_tf.slides import SlideInfo

        names, self._noise = ("a", "b"), np.random.default_rng(0).integers(0, 4, 2**22, np.uint8)
        self.info = SlideInfo(Path("made-up"), side, side, names, np.dtype("uint8"), 0.5)

    def read(
        self, y: int, x: int, height: int, width: int, channels: Sequence[int], level: int = 0
    ) -> Any:
        """See ``Slide``."""
        import numpy as np

        out = np.empty((height, width, len(channels)), np.uint8)
        columns = (np.arange(x, x + width) // 64 % 50).astype(np.uint8)
        for row in range(height):
            start = (y + row) * 7919 % (2**22 - width)
            out[row] = (columns + self._noise[start : start + width])[:, None]
        return out

    def close(self) -> None:
        """See ``Slide``."""

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _write_slide(path: Path, side: int, pixel_size_um: float = 0.5) -> None:
    import numpy as np

    from hrpn_tf.slides import write_slide

    image = np.random.default_rng(0).integers(0, 256, (side, side, 2), np.uint8)
    write_slide(
        path, image, channels=("vessels", "nuclei"), pixel_size_um=pixel_size_um, provenance={}
    )


def _write_run(run: Path, preset: str) -> None:
    """A run folder like that of ``hrpn-tf fit``, with an untrained network."""
    from hrpn_export import Contract

    from hrpn_tf.config import load_config, to_yaml
    from hrpn_tf.models.build import build_model
    from hrpn_tf.models.graph import receptive_field, stride_multiple

    run.mkdir()
    model = build_model(preset, inputs=2)
    model.save(run / "best.keras")
    contract = Contract(
        inputs=("vessels", "nuclei"),
        outputs=("qd",),
        pixel_size_um=0.5,
        stride_multiple=stride_multiple(model),
        receptive_field=receptive_field(model),
        tile_exact=True,
        grey_max=255.0,
    )
    (run / "contract.json").write_text(contract.to_json(), encoding="utf-8")
    (run / "hrpn.yaml").write_text(to_yaml(load_config()), encoding="utf-8")


_CASES = {"sides": _side_case, "budgets": _budget_case}
_TABLES = {"sides": _sides, "budgets": _budgets}

if __name__ == "__main__":
    main()
