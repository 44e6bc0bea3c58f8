"""A real window of napari with the dock of the plugin, and a slide to open in it."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

# Where pictures of the window are kept, to be looked at; `make napari` names a folder.
PICTURES = "HRPN_PICTURES"
CORNER, SIZE = (100.0, 200.0), 0.5  # um; um per pixel of the slide
HEIGHT, WIDTH = 700, 900


def anatomy() -> np.ndarray:
    """(H, W, 2) vessels with lumens, and nuclei."""
    random = np.random.default_rng(1)
    image = random.integers(2, 8, (HEIGHT, WIDTH, 2)).astype(np.uint8)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    for row, column, radius, channel in (
        *((r, c, 14, 0) for r in range(50, HEIGHT, 100) for c in range(50, WIDTH, 100)),
        *((r, c, 7, 1) for r in range(25, HEIGHT, 40) for c in range(25, WIDTH, 40)),
    ):
        distance = np.hypot(y - row, x - column)
        level = random.integers(120, 200)
        wall = (distance < radius) & ((channel == 1) | (distance > radius - 5))
        image[..., channel][wall] = level
    return image


class Window:
    """An open napari with the dock of the plugin, as a user has it."""

    def __init__(self) -> None:
        import napari

        self.viewer = napari.Viewer()
        self.viewer.window.resize(1400, 880)

    def dock(self) -> Any:
        """Open the dock from the manifest."""
        _, dock = self.viewer.window.add_plugin_dock_widget("hrpn-tf", "Predict nanoprobes")
        self.until(lambda: False, 0.3)
        return dock

    def until(self, what: Callable[[], object], seconds: float = 120.0) -> bool:
        """Let Qt work until something is so; whether it is."""
        from qtpy.QtWidgets import QApplication

        end = time.monotonic() + seconds
        while time.monotonic() < end and not what():
            QApplication.processEvents()
            time.sleep(0.01)
        return bool(what())

    def picture(self, name: str) -> np.ndarray:
        """(H, W, 3) of the whole window; kept if pictures are wanted."""
        self.until(lambda: False, 0.5)
        found: np.ndarray = self.viewer.screenshot(canvas_only=False, flash=False)[..., :3]
        if folder := os.environ.get(PICTURES):
            import imageio.v3 as imageio

            Path(folder).mkdir(parents=True, exist_ok=True)
            imageio.imwrite(Path(folder) / f"{name}.png", found)
        return found

    def canvas(self) -> np.ndarray:
        """(H, W, 3) of what is drawn of the slides."""
        self.until(lambda: False, 0.5)
        found: np.ndarray = self.viewer.screenshot(canvas_only=True, flash=False)[..., :3]
        return found

    def close(self) -> None:
        """Close the window as a user does."""
        self.viewer.close()
        self.until(lambda: False, 0.2)
