"""Slide lists, good and bad."""

from pathlib import Path

import pytest
import yaml

from hrpn_tf.config import DataConfig
from hrpn_tf.data.slide_list import read_slide_list
from hrpn_tf.errors import SlideListError, SlideNotFoundError

CONFIG = DataConfig(inputs=("vessels", "nuclei", "fap"), channels={"nuclei": "DAPI", "fap": 3})


def write(folder: Path, text: str, name: str = "slides.csv") -> Path:
    for slide in ("a.ome.tif", "b.tif"):
        (folder / slide).touch()
    (folder / "c").mkdir(exist_ok=True)
    path = folder / name
    path.write_text(text)
    return path


def test_csv_names_slides_groups_and_channels(tmp_path):
    text = "slide, group, vessels, notes\na.ome.tif, m1, CD31, old\nc, m2, ,\n"
    first, second = read_slide_list(write(tmp_path, text), CONFIG)
    assert (first.name, first.group, first.path) == ("a", "m1", tmp_path / "a.ome.tif")
    # the list, then the configuration, then the role's own name
    assert first.channels == {"vessels": "CD31", "nuclei": "DAPI", "fap": 3, "qd": "qd"}
    assert second.channels["vessels"] == "vessels"
    assert second.name == "c"


@pytest.mark.parametrize("wrap", [lambda items: items, lambda items: {"slides": items}])
def test_yaml_says_the_same_as_csv(tmp_path, wrap):
    items = [
        {"slide": "a.ome.tif", "group": "m1", "name": "first"},
        {"slide": str(tmp_path / "b.tif"), "group": 2, "qd": 1},
    ]
    path = write(tmp_path, yaml.safe_dump(wrap(items)), "slides.yaml")
    first, second = read_slide_list(path, CONFIG)
    assert (first.name, second.name, second.group) == ("first", "b", "2")
    assert second.channels["qd"] == 1


@pytest.mark.parametrize(
    ("text", "name", "says"),
    [
        ("", "slides.csv", "row 1: no column 'slide'.*empty"),
        ("slide,animal\na.ome.tif,m1\n", "slides.csv", "row 1: no column 'group'.*animal"),
        ("slide,group\n", "slides.csv", "names no slide"),
        ("slide,group\na.ome.tif,m1\nb.tif,\n", "slides.csv", "row 3: nothing in column 'group'"),
        ("slide,group\na.ome.tif,m1,x\n", "slides.csv", "row 2: more values"),
        ("slide,group\na.ome.tif\n", "slides.csv", "row 2: nothing in column 'group'"),
        ("slide,group\na.ome.tif,m1\na.ome.tif,m2\n", "slides.csv", "row 3: the name a is used"),
        ("slide,group,name\nb.tif,m1,x\n./b.tif,m2,y\n", "slides.csv", "row 3.*listed twice"),
        ('slide,group\n"a.ome.tif,m1\n', "slides.csv", "not valid CSV"),
        ("", "slides.yaml", "names no slide"),
        ("a: [", "slides.yaml", "not valid YAML"),
        ("3", "slides.yaml", "expected a list"),
        ("- a.ome.tif", "slides.yaml", "slide 1: expected keys"),
        ("- {slide: a.ome.tif, group: m, qd: 1.5}", "slides.yaml", "slide 1: the channel of qd"),
    ],
)
def test_bad_lists_are_refused_with_the_row(tmp_path, text, name, says):
    with pytest.raises(SlideListError, match=says):
        read_slide_list(write(tmp_path, text, name), CONFIG)


def test_unreadable_lists(tmp_path):
    with pytest.raises(SlideListError, match="No such file"):
        read_slide_list(tmp_path / "none.csv", CONFIG)
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(SlideListError, match="UTF-8"):
        read_slide_list(tmp_path / "binary.csv", CONFIG)


def test_a_missing_slide_is_named(tmp_path):
    with pytest.raises(SlideNotFoundError, match=r"gone\.tif"):
        read_slide_list(write(tmp_path, "slide,group\na.ome.tif,m1\ngone.tif,m2\n"), CONFIG)
