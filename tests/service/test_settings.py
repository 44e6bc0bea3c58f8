"""What a service is told, and what clients wish."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from hrpn_tf.errors import TokenError, UsageError
from hrpn_tf.service.settings import TOKEN_VARIABLE, ServiceSettings, is_loopback, read_token
from hrpn_tf.service.wishes import Wish

TOKEN = "0123456789abcdef"


def settings(tmp_path: Path, **values: object) -> ServiceSettings:
    own = {"network": {"folder": tmp_path / "bundle"}, "jobs": tmp_path / "jobs"}
    return ServiceSettings(**{**own, **values})  # type: ignore[arg-type]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "lab.example"])
def test_other_machines_need_a_token(tmp_path: Path, host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(TokenError, match="--token-file"):
        settings(tmp_path, host=host).check()
    settings(tmp_path, host=host, token=TOKEN).check()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_this_machine_needs_none(tmp_path: Path, host: str) -> None:
    settings(tmp_path, host=host).check()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"allow": (Path("nowhere"),)}, "no such folder"),
        ({"overrides": ("data.patch=1",)}, "only prediction"),
        ({"overrides": ("prediction.format=ome-zarr-0.5",)}, "OME-TIFF"),
        ({"overrides": ("prediction.max_ram=1GB",)}, "--max-ram"),
    ],
)
def test_contradictions_are_refused(tmp_path: Path, values: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        settings(tmp_path, **values).check()


def test_jobs_do_not_lie_in_the_bundle(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="within the bundle"):
        settings(tmp_path, jobs=tmp_path / "bundle" / "jobs").check()


def test_a_token_comes_from_a_file_that_nobody_else_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN * 2)
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n", encoding="utf-8")
    file.chmod(0o640)
    with pytest.raises(TokenError, match="chmod 600"):
        read_token(file)
    file.chmod(0o600)
    assert read_token(file) == TOKEN
    assert read_token(None) == TOKEN * 2
    monkeypatch.delenv(TOKEN_VARIABLE)
    assert read_token(None) is None


@pytest.mark.parametrize("text", ["short", "0123456789 abcdef", "0123456789abcdeé", ""])
def test_poor_tokens_are_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "token"
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)
    with pytest.raises(TokenError):
        read_token(file)


def test_a_wish_is_text_or_numbers() -> None:
    text = Wish(region="1, 2,30,40", channels=["a=DAPI", "b=x=1"], z="3")  # type: ignore[arg-type]
    values = Wish(region=(1, 2, 30, 40), channels={"a": "DAPI", "b": "x=1"}, z=3)
    assert text == values


@pytest.mark.parametrize(
    "values",
    [
        {"region": "1,2,3"},
        {"region": "1,2,3,-4"},
        {"region": [0, 0, 0, 5]},
        {"region": [0, 0, 5, 2**40]},
        {"region": f"{'9' * 5000},0,1,1"},
        {"channels": ["a"]},
        {"channels": {"a": "x" * 300}},
        {"pixel_size_um": 0},
        {"pixel_size_um": float("nan")},
        {"z": "all"},
        {"z": "0"},
        {"out": "/etc/passwd"},
    ],
)
def test_impossible_wishes_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Wish(**values)  # type: ignore[arg-type]
