"""The reference page has a row for every key of the configuration."""

import re
import subprocess
import sys

import pytest

from hrpn_tf.config.commented import in_one_line
from hrpn_tf.config.keys import Key, list_keys
from hrpn_tf.config.loader import recipes
from hrpn_tf.config.reference import reference

PAGE = reference()
LINES = PAGE.splitlines()


@pytest.mark.parametrize(
    "key", [key for key in list_keys() if not key.is_section], ids=lambda key: key.name
)
def test_every_key_has_one_row_with_everything_about_it(key: Key) -> None:
    (row,) = [line for line in LINES if f'<a id="{key.name}"></a>' in line]
    cells = [cell.strip() for cell in row.strip("|").split(" | ")]
    shown = f'<a id="{key.name}"></a>`{key.path[-1]}`'
    default = f"`{in_one_line(key.default)}`"
    expected = [shown, key.type, default, key.range or "–", key.unit or "–", key.meaning]
    assert cells == expected


def test_every_section_has_one_heading_and_its_meaning() -> None:
    for section in (key for key in list_keys() if key.is_section):
        (place,) = [
            i for i, line in enumerate(LINES) if re.match(rf"##+ .*`{section.name}`$", line)
        ]
        assert LINES[place + 2] == section.meaning


def test_anchors_are_unique_and_links_on_the_page_lead_to_them() -> None:
    anchors = re.findall(r'<a id="([^"]*)"', PAGE)
    assert len(anchors) == len(set(anchors))
    assert set(re.findall(r"\]\(#([^)]*)\)", PAGE)) <= set(anchors)


@pytest.mark.parametrize("name", recipes())
def test_every_recipe_is_listed_with_its_purpose(name: str) -> None:
    (row,) = [line for line in LINES if line.startswith(f"| `{name}` |")]
    assert len(row) > 40


def test_it_is_printed_by_the_module_without_tensorflow() -> None:
    script = (
        "import runpy, sys\nrunpy.run_module('hrpn_tf.config.reference', run_name='__main__')\n"
        "assert not {'tensorflow', 'keras', 'numpy'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == PAGE
