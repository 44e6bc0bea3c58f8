"""What workflows that train need."""

from collections.abc import Iterator

import pytest
from support.tiny_training import tiny_presets, tiny_store

from hrpn_tf.data.store import PatchStore


@pytest.fixture(scope="session", name="tiny_store")
def _tiny_store(tmp_path_factory: pytest.TempPathFactory) -> PatchStore:
    """Groups a, b, c with 12, 6 and 6 patches of 32 px; not to be changed."""
    return tiny_store(tmp_path_factory.mktemp("training"))


@pytest.fixture(scope="module", name="tiny_presets")
def _tiny_presets() -> Iterator[None]:
    """Networks that train on ``tiny_store`` in a second are known to this test module."""
    with tiny_presets():
        yield
