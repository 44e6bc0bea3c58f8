"""Slide lists, good and bad."""

import os
import time
from pathlib import Path

import pytest
import yaml
from support.hostile import ESCAPES, FORMULA, MARKUP, is_harmless

from hrpn_tf.config import DataConfig
from hrpn_tf.data.slide_list import read_slide_list, slide_entries
from hrpn_tf.errors import HrpnError, SlideListError, SlideNotFoundError
from hrpn_tf.text import csv_text

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


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("above", ["", "sep=;\n"])
def test_values_are_separated_by_commas_semicolons_or_tabs(tmp_path, separator, above):
    if above and separator != ";":
        pytest.skip("the line names the semicolon")
    rows = ["slide,group,vessels", 'a.ome.tif,m1,"CD31, CD34"', "c,m2,"]
    text = above + "\n".join(rows).replace(",", separator).replace(f"31{separator}", "31,")
    first, second = read_slide_list(write(tmp_path, text), CONFIG)
    assert (first.group, first.channels["vessels"]) == ("m1", "CD31, CD34")
    assert (second.group, second.channels["vessels"]) == ("m2", "vessels")


def test_a_list_is_read_as_it_was_written_where_cells_look_like_formulas(tmp_path):
    text = csv_text(["slide", "group", "condition"], [["a.ome.tif", "+dox", "=1"], ["c", "'m", ""]])
    assert "'+dox" in text
    found = read_slide_list(write(tmp_path, text), CONFIG)
    assert [(each.group, each.condition) for each in found] == [("+dox", "=1"), ("'m", "")]


def test_empty_cells_of_a_spreadsheet_are_left_out(tmp_path):
    text = "slide;group;;\na.ome.tif;m1;;\n;;;\nc;m2;;;\n"
    assert [each.name for each in read_slide_list(write(tmp_path, text), CONFIG)] == ["a", "c"]


def test_all_mistakes_are_reported_at_once_each_with_its_row(tmp_path):
    text = "slide,group,name\na.ome.tif,,x\n,m1,\nb.tif,m1,a/b\ngone.tif,m1,\nb.tif,m2,y\n"
    with pytest.raises(SlideListError) as error:
        read_slide_list(write(tmp_path, text), CONFIG)
    message = str(error.value)
    assert "\n" not in message
    for part in (
        "row 2: nothing in column 'group'",
        "row 3: nothing in column 'slide'",
        "row 4: the name a/b cannot be a file name",
        "row 6: ",
        "row 5: ",
    ):
        assert part in message


def test_of_many_mistakes_the_first_are_shown(tmp_path):
    text = "slide,group\n" + "a.ome.tif,\n" * 50
    with pytest.raises(SlideListError, match=r"row 11: .*; and 40 more$"):
        read_slide_list(write(tmp_path, text), CONFIG)


@pytest.mark.parametrize(
    "other", ["m1", "M1 ", "M\u200b1", "\uff2d1"], ids=["case", "space", "hidden", "wide"]
)
@pytest.mark.parametrize("column", ["group", "name"])
@pytest.mark.parametrize("kind", ["csv", "yaml", "memory"])
def test_names_that_differ_by_their_spelling_alone_are_refused(tmp_path, other, column, kind):
    rest = "name" if column == "group" else "group"
    rows = [
        {"slide": "a.ome.tif", column: "M1", rest: "x"},
        {"slide": "c", column: other, rest: "y"},
    ]
    text = "".join(f"{row['slide']},{row['group']},{row['name']}\n" for row in rows)
    sources = {
        "memory": lambda: slide_entries(
            [{**row, "slide": tmp_path / row["slide"]} for row in rows], CONFIG
        ),
        "yaml": lambda: read_slide_list(
            write(tmp_path, yaml.safe_dump(rows), "slides.yaml"), CONFIG
        ),
        "csv": lambda: read_slide_list(write(tmp_path, f"slide,group,name\n{text}"), CONFIG),
    }
    says = rf"the {column} .*(by case, spaces or Unicode form|used twice)"
    (tmp_path / "a.ome.tif").touch()
    (tmp_path / "c").mkdir()
    with pytest.raises(SlideListError, match=says):
        sources[kind]()


@pytest.mark.parametrize(
    ("written", "meant"),
    [("Anchor", "anchor"), ("condition ", "condition"), ("Vessels", "vessels"), ("QD", "qd")],
)
@pytest.mark.parametrize("suffix", ["csv", "yaml"])
def test_a_column_that_is_almost_a_known_one_is_refused(tmp_path, written, meant, suffix):
    (tmp_path / "a.ome.tif").touch()
    row = {"slide": "a.ome.tif", "group": "m1", written: "1"}
    text = yaml.safe_dump([row])
    if suffix == "csv":
        if written != written.strip():
            pytest.skip("cells of a CSV file are stripped")
        text = f"{','.join(row)}\n{','.join(row.values())}\n"
    with pytest.raises(SlideListError, match=f"the column '{written}' must be written '{meant}'"):
        read_slide_list(write(tmp_path, text, f"slides.{suffix}"), CONFIG)


def test_a_column_beside_the_known_one_is_ignored(tmp_path):
    (tmp_path / "a.ome.tif").touch()
    for text in ("1_000", "2,5", "nan", "0"):
        with pytest.raises(SlideListError, match=f"the anchor {text} must be a number above 0"):
            read_slide_list(write(tmp_path, f"slide;group;anchor\na.ome.tif;m1;{text}\n"), CONFIG)
    text = "slide,group,anchor,Anchor\na.ome.tif,m1,3,4\n"
    assert read_slide_list(write(tmp_path, text), CONFIG)[0].anchor == 3


def test_two_anchors_of_a_group_are_refused_where_its_first_slide_has_none(tmp_path):
    text = "slide,group,anchor\na.ome.tif,m1,\nb.tif,m1,3\nc,m1,4\n"
    with pytest.raises(SlideListError, match="row 4: the anchor 4 is not the 3 of row 3"):
        read_slide_list(write(tmp_path, text), CONFIG)


def test_names_are_kept_as_they_are_shown(tmp_path):
    rows = [{"slide": "a.ome.tif", "group": ESCAPES, "name": ESCAPES},
            {"slide": "b.tif", "group": "</td><img src=x>", "name": FORMULA.replace("/", "")},
            {"slide": "c", "group": MARKUP, "name": MARKUP.replace("/", "")}]  # fmt: skip
    entries = read_slide_list(write(tmp_path, yaml.safe_dump(rows), "slides.yaml"), CONFIG)
    assert all(is_harmless(each.name + each.group) for each in entries)
    assert entries[0].group.startswith("\\x1b]0;title")
    assert entries[1].name == FORMULA.replace("/", "")


@pytest.mark.parametrize("name", ["../../x", "/x", "a/b", "..", ".", "n" * 5000])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path, name):
    with pytest.raises(SlideListError, match="row 2: the name"):
        read_slide_list(write(tmp_path, f"slide,group,name\na.ome.tif,m,{name}\n"), CONFIG)


BOMB = "a: &a [x,x,x]\nb: &b [*a,*a]\nslides: [*b]\n"
BAD = {
    "nul.csv": "slide,group\ns\0.tif,a\n",
    "nul.yaml": '- {slide: "s\\0x", group: a}\n',
    "long.csv": f"slide,group\n{'a' * 5000},a\n",
    "group.csv": f"slide,group\na.ome.tif,{'9' * 5000}\n",
    "field.csv": f"slide,group,name\na.ome.tif,a,{'x' * 200000}\n",
    "bomb.yaml": BOMB,
    "deep.yaml": "[" * 20000,
    "self.yaml": "&a\n- slide: a.ome.tif\n  group: *a\n",
    "digits.yaml": f"- slide: a.ome.tif\n  group: {'9' * 5000}\n",
    "date.yaml": "- slide: a.ome.tif\n  group: 2001-99-99\n",
    "binary.yaml": "- slide: a.ome.tif\n  group: !!binary AAAA\n",
    "tag.yaml": "- !!python/object/apply:os.system ['true']\n",
    "twice.csv": "slide,group,group\na.ome.tif,a,b\n",
    "many.csv": "slide,group\n" + "nope.tif,a\n" * 1_000_000,
    "many.yaml": "- {slide: x, group: a}\n" * 10_001,
}


@pytest.mark.parametrize("name", BAD)
def test_a_malicious_list_is_a_named_error_and_soon(tmp_path, name):
    path = write(tmp_path, BAD[name], name)
    started = time.process_time()
    with pytest.raises((SlideListError, SlideNotFoundError)) as error:
        read_slide_list(path, CONFIG)
    assert len(str(error.value)) < 6000
    assert time.process_time() - started < 5


def test_a_pipe_and_a_device_are_no_lists(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    for path in (tmp_path / "pipe.csv", Path("/dev/zero")):
        with pytest.raises(HrpnError, match="not a regular file"):
            read_slide_list(path, CONFIG)
