"""What ``hrpn_export`` promises is there, and costs nothing before it is used."""

import subprocess
import sys

import hrpn_export
import pytest


def test_every_public_name_is_there() -> None:
    for name in hrpn_export.__all__:
        assert getattr(hrpn_export, name).__module__.startswith("hrpn_export.")
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        hrpn_export.nothing  # noqa: B018


def test_errors_alone_load_neither_numpy_nor_pydantic() -> None:
    code = (
        "import sys; from hrpn_export.errors import BundleError; "
        "assert not {'numpy', 'pydantic', 'tensorflow'} & set(sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
