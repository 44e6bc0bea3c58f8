"""The viewer library is the pinned release, and another one is refused."""

import hashlib
import tarfile
from pathlib import Path

import pytest

from hrpn_tf.evaluation.report.vendor import ASSETS, FILES, VERSION, unpack


@pytest.mark.parametrize(("name", "checksum"), FILES.values())
def test_the_files_are_those_of_the_release(name: str, checksum: str) -> None:
    assert hashlib.sha256((ASSETS / name).read_bytes()).hexdigest() == checksum


def test_the_library_says_which_release_it_is() -> None:
    script = (ASSETS / "openseadragon.min.js").read_text(encoding="utf-8")
    assert script.startswith(f"//! openseadragon {VERSION}\n")


def test_another_archive_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "other.tgz"
    with tarfile.open(archive, "w:gz") as files:
        files.add(__file__, "package/LICENSE.txt")
    with pytest.raises(ValueError, match=f"but openseadragon {VERSION} is sha512-"):
        unpack(archive, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["other.tgz"]
