"""Small files from strangers: each kind of damage gives the named error, and nothing hangs."""

import contextlib
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrpn_tf.errors import CheckpointError, ConfigError
from hrpn_tf.untrusted import parse_yaml, read_arrays, read_file, read_json, read_text, read_yaml


def test_a_pipe_a_device_and_a_folder_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(ConfigError, match="not a regular file"):
            read_file(path, ConfigError)


def test_a_missing_file_and_an_impossible_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_file(tmp_path / "missing", ConfigError)
    with pytest.raises(ConfigError, match="no file can have this name"):
        read_file(Path("a\0b"), ConfigError)


def test_a_file_above_the_limit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(101))
    with pytest.raises(ConfigError, match="larger than"):
        read_file(tmp_path / "large", ConfigError, most_bytes=100)


def test_a_byte_order_mark_is_dropped(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf[1]")
    assert read_json(tmp_path / "a.json", ConfigError) == [1]


def test_another_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes("µm".encode("latin-1"))
    with pytest.raises(ConfigError, match="UTF-8"):
        read_text(tmp_path / "a", ConfigError)


@pytest.fixture(scope="module")
def arrays() -> bytes:
    """A file of arrays."""
    file = io.BytesIO()
    np.savez_compressed(file, one=np.arange(1000), two=np.zeros((3, 4)))
    return file.getvalue()


@given(cut=st.floats(0, 1, exclude_max=True), flips=st.integers(0, 3), seed=st.integers(0, 99))
def test_damaged_arrays_are_a_named_error_or_arrays(
    arrays: bytes, tmp_path_factory: pytest.TempPathFactory, cut: float, flips: int, seed: int
) -> None:
    content = bytearray(arrays if flips else arrays[: int(cut * len(arrays))])
    for place in np.random.default_rng(seed).integers(0, len(content) or 1, flips):
        content[place] ^= 0xFF
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    path.write_bytes(content)
    if flips:  # some are in a name or a date, which no checksum covers
        with contextlib.suppress(CheckpointError):
            assert read_arrays(path, CheckpointError)
        return
    with pytest.raises(CheckpointError, match=r"damaged\.npz: .*; begin anew"):
        read_arrays(path, CheckpointError, "; begin anew")


def test_arrays_that_are_there_and_not_there(arrays: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(arrays)
    assert read_arrays(tmp_path / "a.npz", CheckpointError)["one"].sum() == 499500
    with pytest.raises(CheckpointError, match=r"cannot be read \(No such file"):
        read_arrays(tmp_path / "b.npz", CheckpointError)


@pytest.mark.parametrize("text", ["[" * 10**5, "1" * 5000, "{", ""])
def test_bad_json_is_a_named_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="not valid JSON"):
        read_json(tmp_path / "a.json", ConfigError)


BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n"


DATES = ["a: 2020-13-45", "a: 2020-01-01 99:99:99"]
DEEP = ["[" * 5000, "- " * 70 + "x"]
TAGS = ["a: !!python/object:os.system x", "a: !!int x", "? [a]\n: b"]


@pytest.mark.parametrize(
    "text", [BOMB, "a: &a [*a]", *DEEP, "a: " + "9" * 5000, *DATES, *TAGS, "a: ["]
)
def test_bad_yaml_is_a_named_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="not valid YAML"):
        read_yaml(tmp_path / "a.yaml", ConfigError)


def test_plain_aliases_work() -> None:
    assert parse_yaml("a: &x [1, 2]\nb: *x") == {"a": [1, 2], "b": [1, 2]}


_LEAVES = st.none() | st.booleans() | st.integers() | st.text(st.characters(max_codepoint=0x7E))


@given(st.recursive(_LEAVES, st.lists, max_leaves=9))
def test_json_is_yaml(value: object) -> None:
    assert parse_yaml(json.dumps(value)) == value


LONG = ["a: " + "1:" * 300 + "1", "a: 0x" + "f" * 5000, "a: !!int '" + "9" * 450 + "'"]
QUADRATIC = "a: &a [" + "x," * 2000 + "]\nb: [" + "*a," * 60 + "]\n"


@pytest.mark.parametrize("text", [*LONG, QUADRATIC])
def test_yaml_that_would_grow_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"digits|repeat"):
        parse_yaml(text)


def test_long_texts_and_a_few_aliases_are_no_bombs() -> None:
    assert parse_yaml("a: " + "fog" * 500) == {"a": "fog" * 500}
    assert len(parse_yaml("a: &a [1, 2]\nb: [" + "*a," * 100 + "]")["b"]) == 100
