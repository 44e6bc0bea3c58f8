"""Weights from an address: only what a checksum pins."""

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from support.command import hrpn_tf
from support.small_weights import NAME

from hrpn_tf.errors import (
    ChecksumError,
    DownloadError,
    OutputExistsError,
    UsageError,
    WeightsError,
)
from hrpn_tf.files import sha256
from hrpn_tf.runs.source import find_source
from hrpn_tf.weights import Catalogue
from hrpn_tf.weights.catalogue import write_registry
from hrpn_tf.weights.fetching import fetch_weights
from hrpn_tf.workflows.pack_weights import register, write_archive


@pytest.fixture
def archive(package: Path, tmp_path: Path) -> Path:
    """The weights as a zip; this machine knows none."""
    write_archive(package / NAME, tmp_path / "a.zip")
    (package / NAME).rename(tmp_path / "elsewhere")
    write_registry(package, {})
    return tmp_path / "a.zip"


def test_fetched_and_found(archive: Path, tmp_path: Path) -> None:
    options = ("--url", archive.as_uri(), "--sha256", sha256(archive).upper())
    ended = hrpn_tf("weights", "--add", NAME, *options)
    assert ended.exit_code == 0, ended.err
    assert find_source(NAME).name == str((tmp_path / "user" / NAME).resolve())
    assert "CC0-1.0" in hrpn_tf("weights", NAME).out
    again = hrpn_tf("weights", "--add", NAME, *options)
    assert again.exit_code == OutputExistsError.exit_code
    assert hrpn_tf("weights", "--add", NAME, *options, "--overwrite").exit_code == 0


def test_by_the_address_of_the_registry(package: Path, tmp_path: Path) -> None:
    checksum = write_archive(package / NAME, tmp_path / "a.zip")
    register(package, NAME, (tmp_path / "a.zip").as_uri(), checksum)
    (package / NAME).rename(tmp_path / "elsewhere")
    assert hrpn_tf("weights", "--add", NAME).exit_code == 0
    assert Catalogue().installed(NAME) == tmp_path / "user" / NAME


def test_another_checksum(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(ChecksumError, match="it was not kept"):
        fetch_weights(NAME, archive.as_uri(), "0" * 64)
    assert not (tmp_path / "user" / NAME).exists()


@pytest.mark.parametrize(
    ("url", "checksum", "said"),
    [
        ("https://example.org/a.zip", None, "needs --sha256"),
        ("http://example.org/a.zip", "0" * 64, "only https"),
        ("ftp://example.org/a.zip", "0" * 64, "only https"),
        ("a.zip", "0" * 64, "only https"),
        ("https://[::1", "0" * 64, "no address"),
        ("https://example.org/a.zip", "abc", "64 hexadecimal digits"),
        (None, "0" * 64, "is for --url"),
    ],
)
def test_what_is_never_fetched(
    package: Path, url: str | None, checksum: str | None, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        fetch_weights("other", url, checksum)


def test_names(archive: Path) -> None:
    with pytest.raises(UsageError, match="a name of weights is of lower-case letters"):
        fetch_weights("../up", archive.as_uri(), sha256(archive))
    with pytest.raises(WeightsError, match=f"holds the weights {NAME}; add them as that"):
        fetch_weights("other", archive.as_uri(), sha256(archive))


def test_nothing_there(package: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        fetch_weights("other", (tmp_path / "none.zip").as_uri(), "0" * 64)


def test_no_answer(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pooch
    import requests

    def refuse(*_: object) -> None:
        raise requests.exceptions.ConnectionError("no route\x1b[31m")

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", refuse)
    with pytest.raises(DownloadError, match="cannot be fetched: no route") as failed:
        fetch_weights("other", "https://example.org/a.zip", "0" * 64)
    assert "\x1b" not in str(failed.value)


def test_a_download_of_another_checksum(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pooch

    def download(_: object, url: str, file: Any, pooch: object) -> None:
        file.write(b"something else")

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", download)
    with pytest.raises(ChecksumError, match=r"https://example.org/a.zip: has the checksum"):
        fetch_weights("other", "https://example.org/a.zip", "0" * 64)


def test_a_download_without_an_end(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pooch

    written: list[int] = []

    def download(_: object, url: str, file: Any, pooch: object) -> None:
        while True:
            file.write(bytes(400))
            file.flush()
            written.append(400)

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", download)
    monkeypatch.setattr("hrpn_tf.weights.fetching._MOST_BYTES", 1000)
    with pytest.raises(DownloadError, match="is larger than weights may be"):
        fetch_weights("other", "https://example.org/a.zip", "0" * 64)
    assert sum(written) == 800


def test_without_the_package_that_fetches(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(UsageError, match=r"pip install 'hrpn-tf\[weights\]'"):
        fetch_weights("other", "https://example.org/a.zip", "0" * 64)


@pytest.mark.parametrize("content", [b"no zip", b""])
def test_no_zip(package: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(WeightsError, match="no zip"):
        fetch_weights("other", (tmp_path / "a.zip").as_uri(), sha256(tmp_path / "a.zip"))


def test_a_zip_of_something_else(package: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as made:
        made.writestr("readme.txt", "hello")
    with pytest.raises(WeightsError, match="holds no weights"):
        fetch_weights("other", (tmp_path / "a.zip").as_uri(), sha256(tmp_path / "a.zip"))


def test_a_file_that_changed_in_the_zip(archive: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(tmp_path / "b.zip", "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name) + (b" " if name == "card.md" else b""))
    with pytest.raises(WeightsError, match=r"card.md: is damaged"):
        fetch_weights(NAME, (tmp_path / "b.zip").as_uri(), sha256(tmp_path / "b.zip"))
    assert not (tmp_path / "user" / NAME).exists()


def test_options_that_need_add(package: Path) -> None:
    ended = hrpn_tf("weights", "--url", "https://example.org")
    assert ended.exit_code == 2
    assert "--url: is for --add" in ended.err


def test_nothing_that_fetches_is_loaded() -> None:
    modules = "hrpn_tf.weights, hrpn_tf.cli.weights"
    script = f"import sys, {modules}; print({{'pooch', 'requests'}} & {{*sys.modules}})"
    command = [sys.executable, "-c", script]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
