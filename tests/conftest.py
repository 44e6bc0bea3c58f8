"""Fixtures that every room's tests share."""

from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says more about the machine's load than about the code.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real images kept beside the checkout; the test is skipped where they are not."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip("the real images (../shared/data) are not here")
    return folder
