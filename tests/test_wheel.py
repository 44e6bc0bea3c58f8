"""The wheel holds every module and every data file, and every module of it can be imported."""

import os
import shutil
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest
from support.places import ROOT

# Folder of the checkout above each package.
PACKAGES = {"hrpn_tf": ".", "hrpn_export": "export", "hrpn_benchmarks": "benchmarks"}
# Modules that need a package of an extra, which need not be installed.
NEEDS = {
    "hrpn_benchmarks.peers.hrpn_network": "torch",
    "hrpn_benchmarks.peers.pix2pix_network": "torch",
    "hrpn_benchmarks.peers.torch_session": "torch",
    "hrpn_tf.training.backend.jax": "jax",
    "hrpn_tf.napari_plugin.dock": "napari",
    "hrpn_tf.napari_plugin.predict_form": "napari",
    "hrpn_tf.napari_plugin.predict_tab": "napari",
    "hrpn_tf.napari_plugin.process": "napari",
    "hrpn_tf.napari_plugin.profile_tab": "napari",
    "hrpn_tf.napari_plugin.widgets": "napari",
    "hrpn_tf.service.answers": "fastapi",
    "hrpn_tf.service.app": "fastapi",
    "hrpn_tf.service.guard": "fastapi",
    "hrpn_tf.service.http_server": "fastapi",
    "hrpn_tf.service.upload": "fastapi",
}
# Runs in the environment of the wheel: imports every module and prints the name and file of each.
IMPORT_ALL = """
import importlib, pkgutil, sys
packages, needs = sys.argv[1].split(), set(sys.argv[2].split())
for package in map(importlib.import_module, packages):
    print(package.__name__, package.__file__)
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if module.name.rpartition(".")[2] != "__main__" and module.name not in needs:
            print(module.name, importlib.import_module(module.name).__file__)
"""


def checkout(folder: Path) -> Path:
    """A copy of what a wheel is built from, without what earlier builds left beside it."""
    for name in ("setup.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / name)
    unwanted = shutil.ignore_patterns("__pycache__")
    for name, root in PACKAGES.items():
        shutil.copytree(ROOT / root / name, folder / root / name, ignore=unwanted)
    return folder


def files(source: Path) -> set[str]:
    """The files of the three packages, as a wheel names them."""
    return {
        path.relative_to(source / root).as_posix()
        for name, root in PACKAGES.items()
        for path in (source / root / name).rglob("*")
        if path.is_file()
    }


def add_weights(source: Path) -> None:
    """A folder of weights, whose kinds of file no other package holds."""
    folder = source / "hrpn_tf" / "weights" / "new-sim"
    folder.mkdir()
    for name in ("best.keras", "contract.json", "hrpn.yaml", "training-profile.npz", "card.md"):
        (folder / name).touch()


def build(source: Path) -> Path:
    """Build the wheel, with the setuptools that is installed."""
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [wheel] = (source / "dist").glob("*.whl")
    return wheel


def missing(source: Path) -> list[str]:
    """Files of the packages that the wheel of a source lacks."""
    names = zipfile.ZipFile(build(source)).namelist()
    return sorted(files(source) - set(names))


def install(wheel: Path, folder: Path) -> tuple[Path, Path]:
    """Give a Python that has the wheel, and what is installed here; and where the wheel is."""
    here = next(path for path in sys.path if path.endswith("site-packages"))
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    [packages] = folder.glob("lib/python*/site-packages")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*command, "--target", packages, wheel], check=True)
    # A path alone: the .pth files in that folder, one of which names this checkout, are not read.
    (packages / "installed_here.pth").write_text(here)
    return folder / "bin" / "python", packages


@pytest.mark.slow
def test_the_wheel_is_whole_and_imports(tmp_path: Path) -> None:
    source = checkout(tmp_path)
    add_weights(source)
    assert missing(source) == []
    [wheel] = (source / "dist").glob("*.whl")
    python, packages = install(wheel, tmp_path / "venv")
    absent = [module for module, package in NEEDS.items() if find_spec(package) is None]
    done = subprocess.run(
        [python, "-c", IMPORT_ALL, " ".join(PACKAGES), " ".join(absent)],
        cwd=tmp_path / "venv",
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    imported = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert all(Path(path).is_relative_to(packages) for path in imported.values())
    modules = {
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for name in files(source)
        if name.endswith(".py") and not name.endswith("/__main__.py")
    }
    assert modules - set(imported) == set(absent)


@pytest.mark.slow
def test_what_is_forgotten_is_seen(tmp_path: Path) -> None:
    """A package without ``__init__.py``, a kind of data file without its pattern."""
    source = checkout(tmp_path)
    text = (source / "setup.cfg").read_text(encoding="utf-8")
    assert "    **/*.yaml\n" in text
    (source / "setup.cfg").write_text(text.replace("    **/*.yaml\n", ""), encoding="utf-8")
    (source / "hrpn_tf/slides/tiff/__init__.py").unlink()
    lacking = missing(source)
    assert {"hrpn_tf/slides/tiff/reader.py", "hrpn_tf/recipes/demo.yaml"} <= set(lacking)
    assert "hrpn_tf/slides/slide.py" not in lacking
