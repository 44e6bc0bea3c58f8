"""How large is each kind of installation, and how long does it take to start?

    python benchmarks/experiments/install_size.py
    python benchmarks/experiments/install_size.py --kind predict --packages

Each kind is installed by uv into a new environment in --out, from the package index. Sizes are
those of the files, MB of 10^6 bytes; what Python compiles comes on top. Times are of the processor,
the shortest of --rounds starts: other programs on the machine hardly change them.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
UV = Path(sys.executable).parent / "uv"
# TensorFlow's build for processors: the one with GPU support has twice the size, without CUDA.
WITHOUT_GPU = "tensorflow; python_version < '3'\n"
CPU = ("tensorflow-cpu>=2.21,<2.22",)


@dataclass(frozen=True)
class Kind:
    """One kind of installation.

    Attributes:
        title: what is typed.
        arguments: of ``uv pip install``.
        start: statement whose time is taken besides that of the command.
    """

    title: str
    arguments: tuple[str, ...]
    start: str = "import hrpn_tf.workflows.predict.predict"


KINDS: Mapping[str, Kind] = {
    "session": Kind(
        "`hrpn_export` with an ONNX session alone (numpy, onnx, onnxruntime)",
        ("--no-deps", ".", "numpy", "onnx", "onnxruntime", "protobuf", "ml-dtypes",
         "typing-extensions", "flatbuffers", "packaging"),
        "import hrpn_export.runtimes.onnx_runtime, hrpn_export.safety, onnx, onnxruntime",
    ),
    "predict": Kind(
        "`pip install --no-deps -r requirements/predict.txt .`",
        ("--no-deps", "--requirement", "requirements/predict.txt", "."),
    ),
    "plain": Kind("`pip install .`, with `tensorflow-cpu`", (*CPU, ".")),
    "all": Kind("`pip install '.[all]'`, with `tensorflow-cpu`", (*CPU, ".[all]")),
    "dev": Kind("`make` (all that tests need)", (*CPU, ".[dev]")),
}  # fmt: skip


def install(kind: Kind, folder: Path) -> Path:
    """Make the environment; gives its folder of packages."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    override = folder.parent / "override.txt"
    override.write_text(WITHOUT_GPU, encoding="utf-8")
    make = [UV, "venv", "--quiet", "--clear", "--python", sys.executable, folder]
    subprocess.run(make, check=True)
    options = [] if "--no-deps" in kind.arguments else ["--override", override]
    command = [UV, "pip", "install", "--quiet", "--compile-bytecode", "--python"]
    command += [folder / "bin" / "python", *options, *kind.arguments]
    subprocess.run(command, check=True, cwd=PROJECT)
    [packages] = folder.glob("lib/python*/site-packages")
    return packages


def sizes(folder: Path) -> tuple[float, float]:
    """(files as they are installed, what was compiled of them), MB."""
    plain = compiled = 0
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            if path.suffix == ".pyc":
                compiled += path.stat().st_size
            else:
                plain += path.stat().st_size
    return plain / 1e6, compiled / 1e6


def size_of(package: Distribution) -> float:
    """Files of a distribution, MB, without what was compiled."""
    paths = [Path(str(package.locate_file(file))) for file in package.files or ()]
    return sum(p.stat().st_size for p in paths if p.suffix != ".pyc" and p.is_file()) / 1e6


def shortest(command: Sequence[str | Path], rounds: int) -> float:
    """Seconds of processor time of the shortest of some runs."""
    times = []
    for _ in range(rounds):
        before = os.times()
        subprocess.run(command, check=True, capture_output=True)
        after = os.times()
        user = after.children_user - before.children_user
        times.append(user + after.children_system - before.children_system)
    return min(times)


def line(kind: Kind, folder: Path, packages: Path, rounds: int) -> str:
    """A line of the table."""
    plain, compiled = sizes(packages)
    python = folder / "bin" / "python"
    imported = shortest([python, "-c", kind.start], rounds)
    try:
        started = f"{shortest([folder / 'bin' / 'hrpn-tf', '--version'], rounds):.2f}"
    except subprocess.CalledProcessError:
        started = "-"
    return f"| {kind.title} | {plain:.0f} | {compiled:.0f} | {started} | {imported:.2f} |"


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(
        description=str(__doc__), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kind", action="append", choices=KINDS, help="may be repeated")
    parser.add_argument("--out", type=Path, default=Path("build/install-size"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--packages", action="store_true", help="also the largest packages of each")
    options = parser.parse_args()
    print("| installation | MB | compiled, MB | `hrpn-tf --version`, s | imports to predict, s |")
    print("|---|---:|---:|---:|---:|")
    places = {}
    for name in options.kind or KINDS:
        folder = options.out.absolute() / name
        places[name] = install(KINDS[name], folder)
        print(line(KINDS[name], folder, places[name], options.rounds), flush=True)
    for name, packages in places.items() if options.packages else ():
        found = [(size_of(each), each.name) for each in distributions(path=[str(packages)])]
        print(f"\n| package of `{name}` | MB |\n|---|---:|")
        for size, package in sorted(found, reverse=True)[:25]:
            print(f"| {package} | {size:.1f} |")


if __name__ == "__main__":
    main()
