"""The command, on small slides and on real fields."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from support.command import hrpn_tf
from support.slides import noise, write_slide

from hrpn_tf.data.store import open_store

CHANNELS = ["--set", "data.channels={vessels: CD31, nuclei: DAPI, qd: QD}"]
SMALL = ["--set", "data.patch=32", "--set", "data.stride=32", "--set", "data.tissue.method=all"]


def write_list(folder: Path, pixel_size_um: float | None = 0.5) -> Path:
    for i in range(2):
        write_slide(folder / f"s{i}.ome.tif", noise(i, 64, 100), pixel_size_um)
    (folder / "slides.csv").write_text("slide,group\ns0.ome.tif,mouse 1\ns1.ome.tif,mouse 2\n")
    return folder / "slides.csv"


def test_prints_a_table(tmp_path):
    slides = write_list(tmp_path)
    arguments = [str(slides), "--out", str(tmp_path / "store"), *CHANNELS, *SMALL]
    result = hrpn_tf("prepare", *arguments)
    assert result.exit_code == 0
    assert "s1     mouse 2  64 x 100  0.5    100%    8" in result.out
    assert "16 patches of 32 x 32 px" in result.out
    assert len(open_store(tmp_path / "store")) == 16


@pytest.mark.parametrize(
    ("make", "extra", "code", "says"),
    [
        (lambda folder: folder / "none.csv", [], 2, "No such file"),
        (lambda folder: write_list(folder, None), [], 2, "--pixel-size"),
        (write_list, ["--set", "data.patch=128"], 2, "smaller than one patch"),
        (write_list, ["--set", "data.tissue.method=threshold"], 0, ""),
        (write_list, ["--set", "data.tissue={method: threshold, threshold: 250}"], 1, "no patch"),
        (write_list, ["--set", "data.target=DAB"], 2, "CD31"),
    ],
)
def test_failures_are_one_line_and_an_exit_code(tmp_path, make, extra, code, says):
    arguments = ["prepare", str(make(tmp_path)), "--out", str(tmp_path / "store")]
    channels = [] if "data.target=DAB" in extra else CHANNELS
    ended = hrpn_tf(*arguments, *channels, *SMALL, *extra)
    assert ended.exit_code == code, ended.err
    assert says in ended.err.splitlines()[-1]
    assert (tmp_path / "store").exists() == (code == 0)


def test_pixel_size_is_taken_from_the_option(tmp_path):
    slides = write_list(tmp_path, None)
    arguments = [str(slides), "--out", str(tmp_path / "store"), *CHANNELS, *SMALL]
    assert hrpn_tf("prepare", *arguments, "--pixel-size", "0.65").exit_code == 0
    assert open_store(tmp_path / "store").pixel_size_um == 0.65


def test_tensorflow_is_not_loaded(tmp_path):
    slides = write_list(tmp_path)
    arguments = [str(slides), "--out", str(tmp_path / "store"), *CHANNELS, *SMALL]
    code = (
        "import sys; from hrpn_tf.cli.prepare import command; "
        f"command.main({arguments!r}, standalone_mode=False); "
        "assert 'tensorflow' not in sys.modules and 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_real_fields(shared_data, tmp_path):
    fields = sorted((shared_data / "dextran").glob("*.ome.tif"))
    lines = [f"{field},field {i}" for i, field in enumerate(fields)]
    (tmp_path / "slides.csv").write_text("\n".join(["slide,group", *lines]))
    store = tmp_path / "store"
    options = ["data.target=dextran", "data.channels={vessels: endomucin, nuclei: DAPI}"]
    options += ["data.tissue.method=all", "data.patch=256", "data.stride=256"]
    arguments = [str(tmp_path / "slides.csv"), "--out", str(store)]
    for option in options:
        arguments += ["--set", option]
    assert hrpn_tf("prepare", *arguments).exit_code == 0
    opened = open_store(store)
    assert len(opened) == 7 * 3 * 5
    images = np.stack([tifffile.imread(field) for field in fields[:3]]).astype(float)
    scaling = opened.statistics([f"field {i}" for i in range(3)])
    endomucin, dextran, dapi = images.transpose(1, 0, 2, 3).reshape(3, -1)
    np.testing.assert_allclose(scaling["input_mean"], [endomucin.mean(), dapi.mean()], rtol=1e-6)
    np.testing.assert_allclose(scaling["input_std"], [endomucin.std(), dapi.std()], rtol=1e-6)
    assert scaling["target_scale"] == pytest.approx(dextran.std(), rel=1e-6)
