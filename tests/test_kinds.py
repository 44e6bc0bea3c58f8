"""A command that is given another kind of path than it takes says what to do."""

from pathlib import Path

import pytest
from support.command import hrpn_tf

from hrpn_tf.errors import WrongKindError
from hrpn_tf.kinds import kind_of, refuse_other_kind


@pytest.fixture
def paths(tmp_path: Path) -> Path:
    """A folder with something of each kind, as far as names tell."""
    (tmp_path / "list.csv").write_text("slide,group\na.tif,m\n", encoding="utf-8")
    (tmp_path / "slide.ome.tif").touch()
    (tmp_path / "patches/slides/0000").mkdir(parents=True)
    for name in ("run/hrpn.yaml", "bundle/bundle.json", "evaluation/metrics.json"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    return tmp_path


def test_each_kind_is_told(paths: Path) -> None:
    kinds = {path.name: kind_of(path) for path in paths.iterdir()}
    assert kinds == {
        "list.csv": "slide list",
        "slide.ome.tif": "slide",
        "patches": "patch dataset",
        "run": "run",
        "bundle": "bundle",
        "evaluation": "evaluation",
    }
    assert kind_of(paths) is None
    refuse_other_kind(paths, "slide")  # a folder of TIFFs may be one


def test_the_error_is_a_line_with_advice(paths: Path) -> None:
    with pytest.raises(WrongKindError, match=r"a slide list, not a run; give"):
        refuse_other_kind(paths / "list.csv", "run")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("fit list.csv --out r", "run|make one with: hrpn-tf prepare .*list.csv"),
        ("fit slide.ome.tif --out r", "not a patch dataset"),
        ("fit run --out r", "a run, not a patch dataset"),
        ("crossval list.csv --out r", "hrpn-tf prepare"),
        ("prepare slide.ome.tif --out p", "not a slide list"),
        ("prepare run --out p", "not a slide list"),
        ("predict slide.ome.tif --run list.csv", "not a run"),
        ("predict slide.ome.tif --run patches", "hrpn-tf fit .*patches"),
        ("predict slide.ome.tif --run bundle", "--bundle"),
        ("predict slide.ome.tif --bundle run --out o", "hrpn-tf export .*run"),
        ("evaluate --run list.csv", "a slide list, not a run"),
        ("calibrate list.csv", "a slide list, not a run"),
        ("compare bundle --out c", "a bundle, not a run"),
        ("export bundle --out e", "a bundle, not a run"),
        ("describe-training patches", "a patch dataset, not a run"),
        ("benchmark run --out b", "a run, not a bundle"),
        ("inspect list.csv", "a slide list, not a slide"),
        ("inspect run", "a run, not a slide"),
    ],
)
def test_every_command_says_what_it_was_given(paths: Path, arguments: str, says: str) -> None:
    there = {path.name for path in paths.iterdir()}
    words = [str(paths / word) if word in there else word for word in arguments.split()]
    ended = hrpn_tf(*words)
    assert ended.exit_code == 2
    assert len(ended.err.splitlines()) == 1
    assert pytest.importorskip("re").search(says, ended.err), ended.err
