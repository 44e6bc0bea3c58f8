"""``hrpn-tf napari``: napari with slides and the dock."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from hrpn_tf.errors import DisplayError
from hrpn_tf.extras import require
from hrpn_tf.napari_plugin import probe
from hrpn_tf.napari_plugin.layers import slide_layers
from hrpn_tf.slides.depth import Depth
from hrpn_tf.slides.finding import slides_of
from hrpn_tf.text import printable

PLUGIN, WIDGET = "hrpn-tf", "Predict nanoprobes"
_PROBE_SECONDS = 120.0
_TICK_MS = 300  # between two looks at signals, which Qt hides from Python


def open_napari(slides: Sequence[Path], z: Depth | None = None) -> None:
    """Open napari with slides and the dock, and return when its window is closed.

    Args:
        slides: slides, folders of slides, and patterns.
        z: what is read of stacks: a plane, counted from 1, or "max" or "mean" of all.

    Raises:
        MissingPackageError: napari is not installed.
        DisplayError: no window can be opened.
        HrpnError: a slide cannot be read.
    """
    check_installed()
    layers = [layer for path in slides_of(slides) for layer in slide_layers(path, z)]
    check_display()
    import napari
    from napari.layers import Layer
    from qtpy.QtCore import QTimer
    from qtpy.QtWidgets import QApplication

    viewer = napari.Viewer()
    for layer in layers:
        viewer.add_layer(Layer.create(*layer))
    viewer.window.add_plugin_dock_widget(PLUGIN, WIDGET)

    def stop(signum: int, frame: FrameType | None) -> None:
        viewer.close()

    signal.signal(signal.SIGTERM, stop)
    ticking = QTimer(QApplication.instance())
    ticking.timeout.connect(lambda: None)
    ticking.start(_TICK_MS)
    napari.run()


def check_installed() -> None:
    """Refuse to go on without napari.

    Raises:
        MissingPackageError: napari or Qt is not installed.
    """
    require("the window", "napari", "qtpy")


def check_display() -> None:
    """Refuse to go on where napari would show no window, or an empty one.

    Another process tries, since Qt ends a process without a display, and napari goes on without
    OpenGL, with a traceback for each frame.

    Raises:
        DisplayError: there is no display, or it has no OpenGL.
    """
    # -P: no module of the working folder takes the place of a library's
    command = [sys.executable, "-P", "-m", probe.__name__]
    try:
        done = subprocess.run(
            command, capture_output=True, encoding="utf-8", errors="replace", check=False,
            timeout=_PROBE_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise DisplayError(f"the display{_display()} does not answer") from None
    if done.returncode == probe.NO_OPENGL:
        raise DisplayError(
            f"the display{_display()} has no OpenGL 2.1, which napari draws with; use a display "
            "with it, such as: xvfb-run -s '+extension GLX' with the package libgl1-mesa-dri"
        )
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        reason = f" ({printable(lines[0], 160)})" if lines else ""
        raise DisplayError(
            f"no window can be opened on the display{_display()}{reason}; set DISPLAY to one that "
            "is there, and install libxcb-cursor0 and libegl1, which Qt needs"
        )


def _display() -> str:
    name = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return f" {printable(name, 60)}" if name else ""
