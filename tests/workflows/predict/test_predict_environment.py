"""What ``requirements/predict.txt`` brings is enough for all that follows a training."""

import json
import os
import re
import subprocess
import sys
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import numpy as np
import pytest
from support import predicted_cohort
from support.command import hrpn_tf
from support.exported_run import exportable_run
from support.places import ROOT

from hrpn_tf.slides import open_slide

UV = Path(sys.executable).parent / "uv"
PINNED = ROOT / "requirements" / "predict.txt"
# Of the environment, without what Python compiles; docs/guide/install.md has the size.
MOST_BYTES = 450e6
# Runs command lines one after another; the module before them refuses other imports.
RUN = """
import json, sys
{before}
from hrpn_tf.cli.main import run
for arguments in json.loads(sys.argv[1]):
    try:
        run(arguments)
    except SystemExit as end:
        if end.code:
            raise
"""
REFUSE = """
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {refused!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Refuse())
"""


def image(seed: int) -> np.ndarray:
    inputs, target = predicted_cohort.image(seed, strength=60.0)
    return np.concatenate([inputs, np.rint(target[..., None]).astype(np.uint8)], axis=-1)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a bundle and three slides beside it."""
    folder = tmp_path_factory.mktemp("environment")
    run = exportable_run(folder, image, predicted_cohort.SETTINGS)
    assert hrpn_tf("describe-training", run).exit_code == 0
    options = ("--out", folder / "bundle", "--onnx", "--precision", "fp32")
    assert hrpn_tf("export", run, *options).exit_code == 0
    return run


def commands(run: Path, out: Path) -> str:
    """Command lines that read a run and write into a folder, as JSON."""
    slides, bundle = run.parent / "slides", run.parent / "bundle"
    predictions, evaluation = out / "predictions", out / "evaluation"
    lines: list[list[object]] = [
        ["inspect", slides / "a.ome.tif", "--out", out / "a.png"],
        ["predict", "--bundle", bundle, *sorted(slides.glob("*.tif")), "--out", predictions],
        ["predict", "--bundle", bundle, slides / "c.ome.tif", "--out", out / "c.ome.zarr"],
        ["analyse", predictions, "--slides", slides / "slides.csv", "--out", out / "analysis"],
        ["evaluate", "--run", run, "--predictions", predictions, "--spatial", "--out", evaluation],
        ["report", evaluation, "--run", run, "--predictions", predictions, "--out", out / "report"],
    ]
    return json.dumps([[str(argument) for argument in line] for line in lines])


def refuse_written(out: Path) -> None:
    """The results are there, with the pictures that need a library for them."""
    for name in ("a.png", "c.ome.zarr", "report/index.html"):
        assert (out / name).exists(), name
    assert list((out / "analysis").glob("*.csv"))
    assert list((out / "analysis").rglob("*.png"))
    assert list((out / "evaluation").glob("*.png"))
    assert list((out / "report").glob("slides/*/*"))


def pixels(path: Path) -> np.ndarray:
    with open_slide(path) as slide:
        return slide.read(0, 0, slide.info.height, slide.info.width, [0])


def names() -> set[str]:
    """The distributions of the environment."""
    lines = PINNED.read_text(encoding="utf-8").splitlines()
    return {line.partition("=")[0] for line in lines if line and not line.startswith(("#", " "))}


def test_the_commands_import_nothing_else(run: Path, tmp_path: Path) -> None:
    listed = {re.split(r"[\[<>=;~ ]", line)[0].lower() for line in requires("hrpn-tf") or ()}
    left_out = listed - names() - {"hrpn-tf"} | {"tensorflow-cpu", "dask"}
    refused = {
        module
        for module, distributions in packages_distributions().items()
        if left_out & {name.lower().replace("_", "-") for name in distributions}
    }
    assert {"tensorflow", "keras", "cv2", "sklearn", "h5py", "distributed", "pyamg"} <= refused
    assert not {"hrpn_tf", "numpy", "matplotlib", "google"} & refused
    code = RUN.format(before=REFUSE.format(refused=refused))
    subprocess.run([sys.executable, "-c", code, commands(run, tmp_path)], check=True)
    refuse_written(tmp_path)
    with_all = tmp_path / "with-all.ome.tif"
    options = ("--bundle", run.parent / "bundle", "--out", with_all)
    assert hrpn_tf("predict", run.parent / "slides" / "c.ome.tif", *options).exit_code == 0
    np.testing.assert_array_equal(pixels(tmp_path / "predictions/c.ome.tif"), pixels(with_all))


def install(folder: Path) -> Path:
    """The Python of a new environment, made by what the guide says; skips without an index."""
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    python = folder / "bin" / "python"
    command = [UV, "pip", "install", "--quiet", "--python", python, "--no-deps"]
    done = subprocess.run(
        [*command, "--requirement", PINNED, ROOT], capture_output=True, text=True, check=False
    )
    if done.returncode and any(text in done.stderr for text in ("dns error", "onnect", "offline")):
        pytest.skip("no package index answers")
    assert done.returncode == 0, done.stderr
    return python


@pytest.mark.slow
def test_an_environment_of_them_runs_the_commands(run: Path, tmp_path: Path) -> None:
    python = install(tmp_path / "environment")
    [packages] = (tmp_path / "environment").glob("lib/python*/site-packages")
    size = sum(file.lstat().st_size for file in packages.rglob("*"))
    assert size < MOST_BYTES
    missing = subprocess.run(
        [python, "-m", "hrpn_tf.cli.main", "predict", "--run", run],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert missing.returncode == 2
    assert missing.stderr == (
        "hrpn-tf: this needs tensorflow, which is not installed; type: pip install hrpn-tf\n"
    )
    out = tmp_path / "out"
    out.mkdir()
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    code = [python, "-c", RUN.format(before=""), commands(run, out)]
    subprocess.run(code, check=True, cwd=tmp_path, env=environment)
    refuse_written(out)
