import os
from pathlib import Path

import pytest
from hrpn_export.errors import DamagedBundleError
from hrpn_export.paths import files_below, inside, is_regular, safe_name
from hypothesis import given
from hypothesis import strategies as st

HOSTILE = [
    "", ".", "..", "/", "/etc/passwd", "../a", "a/../b", "a/..", "a//b", "a/", "./a", "~/a", "~a",
    "C:/a", "C:a", "c:\\a", "a\\b", "\\\\host\\share", "a\0b", "a\nb", "a b", " a", "a ", "a.",
    ".hidden", "a/.hidden", "con", "CON.txt", "a/nul", "aux.onnx", "com1", "lpt9.x", "a:b", "a*",
    "-" * 256, "é", "a\u202eb", "％2e", "$HOME", "a;b", "'a'", None, 5, b"a", ["a"],
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_refused_in_one_line(name):
    with pytest.raises(DamagedBundleError, match="is no name of a file") as refusal:
        safe_name(name)
    assert str(refusal.value).isprintable()


@pytest.mark.parametrize(
    "name", ["a", "README.md", "saved_model/fp32/model/1/variables/variables.data-00000-of-00001"]
)
def test_a_plain_name_is_itself(name):
    assert safe_name(name) == name


@given(st.text(alphabet=st.sampled_from("ab.A/\\:~\0\n -_é"), max_size=12) | st.text())
def test_what_is_accepted_stays_inside(tmp_path_factory, name):
    root = Path("/root/of/bundle")
    try:
        path = inside(root, name)
    except DamagedBundleError:
        return
    assert Path(os.path.normpath(path)) == path
    assert path.is_relative_to(root)
    assert path != root
    assert not any(part.startswith(".") for part in path.relative_to(root).parts)


@pytest.mark.parametrize("name", ["link", "folder/file", "dangling"])
def test_no_link_is_followed(tmp_path, name):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("secret")
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(outside / "file")
    (root / "folder").symlink_to(outside, target_is_directory=True)
    (root / "dangling").symlink_to("nowhere")
    with pytest.raises(DamagedBundleError, match="is a link"):
        inside(root, name)
    assert files_below(root) == ["dangling", "folder", "link"]


def test_only_a_file_itself_is_regular(tmp_path):
    file, link, pipe = (tmp_path / name for name in ("file", "link", "pipe"))
    file.write_text("")
    link.symlink_to(file)
    os.mkfifo(pipe)
    assert [is_regular(p) for p in (file, link, pipe, tmp_path, tmp_path / "none")] == [
        True, False, False, False, False
    ]  # fmt: skip
