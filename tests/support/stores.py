"""Stores of patches."""

from pathlib import Path

from hrpn_tf.config import DataConfig, TissueConfig
from hrpn_tf.data.building import build_store
from hrpn_tf.data.slide_list import read_slide_list
from hrpn_tf.data.store import PatchStore


def make_store(slide_list: Path, folder: Path, patch: int = 32, tissue: str = "all") -> PatchStore:
    """Cut listed slides into patches that lie side by side."""
    config = DataConfig(patch=patch, stride=patch, tissue=TissueConfig(method=tissue))
    return build_store(read_slide_list(slide_list, config), config, folder, progress=False)
