"""What the command leaves on disk."""

import csv
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaml
from support.command import hrpn_tf

from hrpn_tf.config import DataConfig, SimulationConfig
from hrpn_tf.data.slide_list import read_slide_list
from hrpn_tf.errors import OutputExistsError, RunError
from hrpn_tf.simulation import cohort
from hrpn_tf.simulation.cohort import simulate_cohort

Make = Callable[..., SimulationConfig]
SMALL = ("height=96", "width=128", "pixel_size_um=1", "floor_draws=2", "slides=3", "groups=2")


def contents(folder: Path) -> dict[str, str]:
    """What each file holds: the pixels of each channel and the metadata of an image, else bytes.

    How a compressor packs the same pixels is its own affair.
    """
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.name.endswith(".ome.tif"):
            with tifffile.TiffFile(path) as tif:
                found[f"{name}: metadata"] = str(tif.ome_metadata)
                for number, page in enumerate(tif.pages):
                    pixels = page.asarray()
                    digest = hashlib.sha256(pixels.tobytes()).hexdigest()
                    found[f"{name}: {number}"] = f"{pixels.dtype} {pixels.shape} {digest}"
        elif path.is_file():
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


PROGRAM = """
import resource, sys
from pathlib import Path
from hrpn_tf.cli.main import run
largest_file = int(sys.argv[1])
if largest_file:
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
try:
    run(sys.argv[2:])
finally:
    print("tensorflow" in sys.modules, "keras" in sys.modules)
    status = Path("/proc/self/status").read_text()  # ru_maxrss starts at the parent's peak
    print(1024 * int(status.split("VmHWM:")[1].split()[0]))
"""


def simulate(
    out: Path, overrides: Sequence[str], largest_file: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, on one core."""
    sets = [part for text in overrides for part in ("--set", f"simulation.{text}")]
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, str(largest_file), "simulate", "--out", str(out), *sets],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cohort made by the command itself."""
    out = tmp_path_factory.mktemp("cohort") / "new" / "cohort"
    done = simulate(out, SMALL)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-2] == "False False"  # neither TensorFlow nor Keras
    return out


def test_full_disk_is_a_named_error_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    done = simulate(tmp_path / "cohort", SMALL, largest_file=20_000)
    assert done.returncode == 1
    assert "nothing was left there" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert [path.name for path in (tmp_path / "cohort").rglob("*")] == ["simulation.yaml"]


@pytest.mark.nightly
def test_a_slide_of_eight_megapixels_takes_less_than_a_gigabyte(tmp_path: Path) -> None:
    """And so one of 4000 x 4000 px less than two: all but a little grows with the pixels."""
    done = simulate(
        tmp_path / "big", ("slides=1", "groups=1", "height=2800", "width=2860", "floor_draws=2")
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.splitlines()[-1]) < 2**30


@pytest.fixture
def tiny(small: Make) -> Make:
    return lambda *overrides: small(*SMALL, *overrides)


def test_slides_are_named_channels_at_a_known_pixel_size(made: Path) -> None:
    with tifffile.TiffFile(made / "slide-001.ome.tif") as tif:
        pixels = tifffile.xml2dict(tif.ome_metadata)["OME"]["Image"]["Pixels"]
        assert [channel["Name"] for channel in pixels["Channel"]] == ["vessels", "nuclei", "qd"]
        assert pixels["PhysicalSizeX"] == pytest.approx(1.0)
        image = tif.asarray()
    assert image.shape == (3, 96, 128)
    assert image.dtype == np.uint8
    assert all(channel.std() > 0 for channel in image)


def test_truth_lies_beside_the_slide(made: Path) -> None:
    names = ("concentration", "vessels", "permeability")
    images = {name: tifffile.imread(made / f"truth/slide-002.{name}.ome.tif") for name in names}
    assert {name: image.dtype.name for name, image in images.items()} == {
        "concentration": "float32",
        "vessels": "uint8",
        "permeability": "float32",
    }
    concentration, vessels, permeability = (images[name].squeeze() for name in names)
    assert concentration.shape == (96, 128)
    assert set(np.unique(vessels)) == {0, 255}
    assert not permeability[vessels == 0].any()
    with (made / "truth/slide-002.vessels.csv").open() as file:
        rows = list(csv.DictReader(file))
    listed = np.array([float(row["permeability_cm_per_s"]) for row in rows])
    for value in np.unique(permeability):
        assert np.isclose(value, listed, rtol=1e-5, atol=0).any() or value == 0


def test_report_holds_the_floor_the_balance_and_the_parameters(made: Path) -> None:
    report = json.loads((made / "truth/slide-001.json").read_text())
    image = tifffile.imread(made / "slide-001.ome.tif")
    errors = report["errors"]["slide"]
    assert errors["target_variance"] == pytest.approx(image[2].var(dtype=float))
    assert errors["explainable_r2"] == pytest.approx(
        1 - errors["error_floor"] / errors["target_variance"]
    )
    assert abs(report["mass_balance"]["relative_error"]) < 0.01
    assert report["parameters"]["uptake_per_s"] > 0
    assert report["configuration"]["height"] == 96
    assert set(report["errors"]) == {"slide", "tissue"}


def test_slide_list_is_ready_to_be_prepared(made: Path) -> None:
    entries = read_slide_list(made / "slides.csv", DataConfig())
    assert [entry.name for entry in entries] == ["slide-001", "slide-002", "slide-003"]
    assert [entry.group for entry in entries] == ["animal-001", "animal-002", "animal-001"]
    assert all(entry.path.is_file() for entry in entries)


def test_same_seed_same_slides(made: Path, tiny: Make, tmp_path: Path) -> None:
    simulate_cohort(tiny(), tmp_path / "again")
    assert contents(tmp_path / "again") == contents(made)


def test_other_seed_other_slides(made: Path, tiny: Make, tmp_path: Path) -> None:
    simulate_cohort(tiny("seed=1", "slides=1", "groups=1"), tmp_path / "other")
    name = "slide-001.ome.tif: 2"
    assert contents(tmp_path / "other")[name] != contents(made)[name]


def test_a_slide_does_not_depend_on_how_many_there_are(
    made: Path, tiny: Make, tmp_path: Path
) -> None:
    simulate_cohort(tiny("slides=1", "groups=1"), tmp_path / "one")
    image = tifffile.imread(tmp_path / "one/slide-001.ome.tif")
    np.testing.assert_array_equal(image, tifffile.imread(made / "slide-001.ome.tif"))


def test_interrupted_cohort_goes_on(
    made: Path, tiny: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "cohort"
    real = cohort.make_phantom
    calls: list[int] = []

    def stop_at_second(config: SimulationConfig, slide: int, *rest: object) -> object:
        calls.append(slide)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(config, slide, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(cohort, "make_phantom", stop_at_second)
    with pytest.raises(KeyboardInterrupt):
        simulate_cohort(tiny(), out)
    assert not (out / "slides.csv").exists()
    before = (out / "slide-001.ome.tif").stat().st_mtime_ns
    simulate_cohort(tiny(), out)
    assert calls == [0, 1, 1, 2]
    assert (out / "slide-001.ome.tif").stat().st_mtime_ns == before
    assert contents(out) == contents(made)


def test_interruption_while_writing_leaves_no_half_slide(
    tiny: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "cohort"
    real = cohort.write_slide

    def stop_at_permeability(path: Path, *args: object, **kwargs: object) -> None:
        if "permeability" in path.name:
            raise KeyboardInterrupt
        real(path, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(cohort, "write_slide", stop_at_permeability)
    with pytest.raises(KeyboardInterrupt):
        simulate_cohort(tiny(), out)
    assert not list(out.rglob("*.json"))
    assert not list(out.rglob(".*"))
    monkeypatch.undo()
    simulate_cohort(tiny(), out)
    assert len(list(out.rglob("*.json"))) == 3


def test_a_changed_configuration_is_noticed(tiny: Make, tmp_path: Path) -> None:
    out = tmp_path / "cohort"
    simulate_cohort(tiny("slides=2"), out)
    with pytest.raises(RunError, match=r"simulation\.nuclei\.crowding"):
        simulate_cohort(tiny("slides=2", "nuclei.crowding=0.1"), out)
    simulate_cohort(tiny("slides=1", "groups=1", "nuclei.crowding=0.1"), out, overwrite=True)
    assert [path.name for path in sorted(out.glob("*.tif"))] == ["slide-001.ome.tif"]
    marker = yaml.safe_load((out / "simulation.yaml").read_text())
    assert marker["simulation"]["nuclei"]["crowding"] == 0.1


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_with_other_things_is_left_alone(
    tiny: Make, tmp_path: Path, overwrite: bool
) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(OutputExistsError, match="holds no cohort"):
        simulate_cohort(tiny(), tmp_path, overwrite)
    with pytest.raises(OutputExistsError):
        simulate_cohort(tiny(), tmp_path / "thesis.txt", overwrite)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_unreadable_marker_is_a_named_error(tiny: Make, tmp_path: Path) -> None:
    (tmp_path / "simulation.yaml").write_text(": : [")
    with pytest.raises(RunError, match="unreadable"):
        simulate_cohort(tiny(), tmp_path)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("simulation.slide=3", "did you mean simulation.slides"),
        ("simulation.optics.bits=12", "simulation.optics.bits"),
        ("simulation.groups=9", "9 groups need at least as many slides, not "),
        ("simulation.channels.target=nuclei", "three channels need different names"),
        ("simulation.seed=-1", "simulation.seed"),
        ("simulation.vessels.radius_um=0.1", "simulation.vessels.radius_um"),
    ],
)
def test_bad_configuration_is_one_line_and_exit_code_2(
    override: str, message: str, tmp_path: Path
) -> None:
    ended = hrpn_tf("simulate", "--out", tmp_path / "out", "--set", override)
    assert ended.exit_code == 2
    error = ended.err.strip()
    assert message in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "overrides",
    [
        ("height=64", "width=64", "pixel_size_um=0.25"),
        ("tissue_share=1", "psf", "noiseless"),
        ("optics.bits=16", "channels.target=SpOrange", "height=97", "width=131"),
        ("nuclei.density_per_mm2=0",),
        ("tissue_share=0.02",),
    ],
)
def test_odd_slides_can_be_made(tiny: Make, tmp_path: Path, overrides: tuple[str, ...]) -> None:
    words = {
        "psf": ("optics.psf_um=0",),
        "noiseless": ("optics.photon_gain=0", "optics.read_noise=0"),
    }
    expanded = [word for text in overrides for word in words.get(text, (text,))]
    config = tiny("slides=1", "groups=1", *expanded)
    simulate_cohort(config, tmp_path / "odd")
    image = tifffile.imread(tmp_path / "odd/slide-001.ome.tif")
    assert image.shape == (3, config.height, config.width)
    assert image.dtype == (np.uint16 if config.optics.bits == 16 else np.uint8)
