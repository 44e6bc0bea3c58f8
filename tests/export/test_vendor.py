"""The vendored JavaScript libraries are the pinned releases, and other ones are refused."""

import hashlib
import tarfile
from pathlib import Path

import pytest
from hrpn_export.viewer.vendor import RELEASES, read_vendored, unpack

FILES = {
    name: (release, checksum) for release in RELEASES for name, checksum in release.files.values()
}


@pytest.mark.parametrize("name", FILES)
def test_the_files_are_those_of_the_release(name: str) -> None:
    release, checksum = FILES[name]
    assert hashlib.sha256(read_vendored(release.folder / name)).hexdigest() == checksum


def test_scripts_say_which_release_they_are() -> None:
    start = {
        "openseadragon.min.js": "//! openseadragon {}\n",
        "ort.wasm.min.js.xz": "/*!\n * ONNX Runtime Web v{}\n",
        "ort.jspi.min.js.xz": "/*!\n * ONNX Runtime Web v{}\n",
    }
    for name, text in start.items():
        release, _ = FILES[name]
        script = read_vendored(release.folder / name).decode("utf-8")
        assert script.startswith(text.format(release.version))


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.package)
def test_another_archive_is_refused(release: object, tmp_path: Path) -> None:
    archive = tmp_path / "other.tgz"
    with tarfile.open(archive, "w:gz") as files:
        files.add(__file__, "package/LICENSE.txt")
    with pytest.raises(ValueError, match=f"but {release.package} {release.version} is sha512-"):
        unpack(archive, release, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["other.tgz"]
