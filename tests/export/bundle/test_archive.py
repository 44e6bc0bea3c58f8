import gc
import os
import stat
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hrpn_export import BundleError, open_bundle, open_session
from hrpn_export.add_engine import _alone, add_engine
from hrpn_export.archive import _unfinished, extract, write_zip
from hrpn_export.errors import BundleExistsError, DamagedBundleError
from hrpn_export.paths import files_below
from hrpn_export.tensorrt.write import Wanted
from support.bundles import copied, exported


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    return write_zip(exported(), tmp_path_factory.mktemp("zip") / "b.zip")


@pytest.fixture(autouse=True)
def temporary(tmp_path_factory, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("temporary")))


def refused(path, match, error=DamagedBundleError, **limits):
    with pytest.raises(error, match=match) as refusal:
        (lambda: extract(path, **limits) if limits else open_bundle(path))()
    assert str(refusal.value).isprintable()
    assert str(path) in str(refusal.value)
    assert list(Path(tempfile.gettempdir()).iterdir()) == []


def forged(tmp_path, archive, change=None, **extra):
    """A copy of the zip whose entries are changed, or with more of them."""
    path = tmp_path / "forged.zip"
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(path, "w") as target:
        for item in source.infolist():
            data = source.read(item)
            if change is not None:
                change(item)
            target.writestr(item, data)
        for name, data in extra.items():
            target.writestr(name, data)
    return path


def test_the_same_folder_gives_the_same_bytes(tmp_path, archive):
    copy = copied(tmp_path)
    for number, name in enumerate(files_below(copy)):
        os.utime(copy / name, (number, number))
        (copy / name).chmod(0o600 if number % 2 else 0o755)
    (copy / "notes.txt").write_text("not listed, not packed")
    assert write_zip(copy, tmp_path / "second.zip").read_bytes() == archive.read_bytes()


def test_what_a_killed_process_left_of_a_zip_is_removed_and_nothing_of_a_living_one(tmp_path):
    path = tmp_path / "b.zip"
    dead = [tmp_path / f".b.zip.0a1b2c3d{end}" for end in (".part", ".lock")]
    for left in dead:
        left.write_bytes(b"half")
    with _unfinished(path) as living:
        living.write_bytes(b"mine")
        write_zip(exported(), path)
        assert not any(left.exists() for left in dead)
        assert living.read_bytes() == b"mine"
    assert [each.name for each in tmp_path.iterdir()] == ["b.zip"]


@pytest.fixture
def stored(monkeypatch) -> list[int]:
    """Numbers of the files and folders that are on the disk, in their order."""
    found: list[int] = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda h: (found.append(os.fstat(h).st_ino), fsync(h)))
    return found


def test_a_zip_is_on_the_disk_before_it_has_its_name(tmp_path, stored):
    path = write_zip(exported(), tmp_path / "b.zip")
    assert stored == [path.stat().st_ino, tmp_path.stat().st_ino]


def test_an_engine_is_on_the_disk_before_the_bundle_names_it(tmp_path, stored, monkeypatch):
    bundle = copied(tmp_path)

    def write(onnx, engine, **options):
        engine.write_bytes(b"engine")

    monkeypatch.setattr("hrpn_export.add_engine.write_engine", write)
    engine, _ = add_engine(bundle, "fp32", Wanted())
    assert stored[-1] == bundle.stat().st_ino
    order = [engine, engine.parent, engine.parent.parent, bundle / "bundle.json"]
    places = [stored.index(path.stat().st_ino) for path in order]
    assert places == sorted(places)
    assert [a.format for a in open_bundle(bundle).manifest.artefacts][-1] == "tensorrt"


def test_an_engine_is_added_by_one_process_after_the_dead_ones_are_cleared(tmp_path):
    (tmp_path / ".engine-abc").mkdir()
    (tmp_path / ".engine-abc" / "model.engine").write_bytes(b"half")
    (tmp_path / ".engine-abc.json").write_text("half")
    (tmp_path / ".manifest-abc").mkdir()
    with _alone(tmp_path):
        assert list(tmp_path.iterdir()) == []
        with pytest.raises(BundleError, match="another process"), _alone(tmp_path):
            pass


def test_what_is_packed_is_what_the_manifest_lists(archive):
    with zipfile.ZipFile(archive) as packed:
        assert packed.namelist() == sorted([*open_bundle(exported()).manifest.files, "bundle.json"])
        assert "rdf.yaml" in packed.namelist()
        for item in packed.infolist():
            assert item.date_time == (1980, 1, 1, 0, 0, 0)
            assert stat.S_IMODE(item.external_attr >> 16) == 0o644
            assert packed.read(item) == (exported() / item.filename).read_bytes()


def test_a_zip_opens_as_its_folder_does(archive):
    folder, opened = open_bundle(exported()), open_bundle(archive)
    assert opened.manifest == folder.manifest
    assert opened.certificate == folder.certificate
    image, expected = opened.example()
    session = open_session(archive, "onnx")
    gc.collect()
    np.testing.assert_allclose(session(image), expected, atol=1e-2)


def test_the_temporary_folder_goes_when_the_bundle_does(archive):
    with open_bundle(archive) as opened:
        inner = opened.path
        assert inner.is_dir()
    assert not inner.exists()
    opened.close()
    other = open_bundle(archive)
    inner = other.path
    del other
    gc.collect()
    assert not inner.exists()


def test_it_stays_as_long_as_a_session_needs_it(archive):
    opened = open_bundle(archive)
    inner = opened.path
    session = open_session(opened, "onnx")
    del opened
    gc.collect()
    assert inner.is_dir()
    del session
    gc.collect()
    assert not inner.exists()


def test_it_goes_when_the_program_ends(archive):
    program = (
        f"from hrpn_export import open_bundle; b = open_bundle({str(archive)!r}); print(b.path)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert not Path(done.stdout.strip()).exists()


def test_a_forked_process_leaves_it_to_its_parent(archive):
    program = (
        f"import os, sys; from hrpn_export import open_bundle; b = open_bundle({str(archive)!r})\n"
        "child = os.fork()\nif not child: sys.exit()\n"
        "os.waitpid(child, 0); print(b.path.is_dir())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "True\n"


def test_closing_a_folder_leaves_it(tmp_path):
    with open_bundle(copied(tmp_path)) as opened:
        pass
    assert opened.path.is_dir()


def test_folders_and_compression_of_other_programs_are_fine(tmp_path, archive):
    path = tmp_path / "again.zip"
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as to:
        to.writestr("onnx/", b"")
        for item in source.infolist():
            to.writestr(item.filename, source.read(item))
    open_bundle(path)


@pytest.mark.parametrize(
    "name",
    [
        "../outside",
        "/tmp/outside",
        "a/../../outside",
        "C:/a",
        "a\\..\\b",
        "con",
        ".hidden",
        "a b",
        "a\nb",
    ],
)
def test_zip_slip_and_hostile_names_are_refused(tmp_path, archive, name):
    refused(forged(tmp_path, archive, **{name: b"x"}), "is no name of a file")
    assert not (tmp_path / "outside").exists()


def test_a_name_cut_by_a_nul_is_refused(tmp_path, archive):
    path = forged(tmp_path, archive, **{"notes@txt": b"x"})
    path.write_bytes(path.read_bytes().replace(b"notes@txt", b"notes\0txt"))
    refused(path, "is no name of a file")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_are_refused(tmp_path, archive, kind):
    link = zipfile.ZipInfo("link")
    link.create_system, link.external_attr = 3, (kind | 0o777) << 16
    path = forged(tmp_path, archive)
    with zipfile.ZipFile(path, "a") as changed:
        changed.writestr(link, "/etc/passwd")
    refused(path, "is a link or no file")


@pytest.mark.parametrize("name", ["README.md", "readme.MD"])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name_are_refused(tmp_path, archive, name):
    refused(forged(tmp_path, archive, **{name: b"x"}), "two files of one name")


def test_a_file_that_is_a_folder_as_well_is_refused(tmp_path, archive):
    refused(forged(tmp_path, archive, **{"README.md/x": b"x"}), "is a file and a folder")


def test_an_encrypted_part_is_refused(tmp_path, archive):
    path = forged(tmp_path, archive)
    content = bytearray(path.read_bytes())
    place = content.rindex(b"PK\x01\x02")
    content[place + 8] |= 1
    path.write_bytes(content)
    refused(path, "is encrypted")


def test_a_bomb_is_refused_before_it_is_extracted(tmp_path):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bomb, bomb.open("zeros", "w") as file:
        for _ in range(200):
            file.write(bytes(2**20))
    refused(path, "would take 209715200 bytes")


def test_too_much_and_too_many_are_refused(tmp_path, archive):
    refused(archive, "would take", largest=1000)
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as many:
        for number in range(10_001):
            many.writestr(f"f{number}", b"")
    refused(path, "holds 10001 files")


def test_sizes_that_lie_are_found(tmp_path):
    path = tmp_path / "liar.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as liar:
        liar.writestr("zeros", bytes(10**6))
    content = path.read_bytes()
    path.write_bytes(content.replace((10**6).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    refused(path, "no zip of a bundle")


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_zip_of_a_bundle_is_refused(tmp_path, content):
    path = tmp_path / "b.zip"
    path.write_bytes(content)
    refused(path, "no zip of a bundle|no bundle")


def test_a_zip_that_was_cut_or_changed_is_refused(tmp_path, archive):
    content = archive.read_bytes()
    (tmp_path / "cut.zip").write_bytes(content[: len(content) // 2])
    refused(tmp_path / "cut.zip", "no zip of a bundle|no bundle")
    place = content.index((exported() / "onnx/fp32/model.onnx").read_bytes()) + 1000
    flipped = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
    (tmp_path / "changed.zip").write_bytes(flipped)
    refused(tmp_path / "changed.zip", "no zip of a bundle")


def test_a_damaged_bundle_in_a_good_zip_names_the_zip(tmp_path, archive):
    path = forged(tmp_path, archive, **{"onnx/fp32/more.onnx": b"x"})
    refused(path, "more.onnx is not listed")


def test_nothing_is_overwritten_and_nothing_half_written(tmp_path, archive):
    with pytest.raises(BundleExistsError, match="exists; remove it"):
        write_zip(exported(), archive)
    copy = copied(tmp_path)
    (copy / "README.md").write_text("changed")
    with pytest.raises(DamagedBundleError, match=r"README.md is not as it was exported"):
        write_zip(copy, tmp_path / "b.zip")
    (copy / "README.md").unlink()
    with pytest.raises(DamagedBundleError, match=r"README.md is missing"):
        write_zip(copy, tmp_path / "b.zip")
    (tmp_path / "file").write_text("")
    with pytest.raises(BundleError, match="cannot be written"):
        write_zip(exported(), tmp_path / "file" / "b.zip")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bundle", "file"]
