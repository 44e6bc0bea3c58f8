"""The dock widget of the plugin."""

from typing import Any

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QApplication, QScrollArea, QTabWidget, QVBoxLayout, QWidget

from hrpn_tf.napari_plugin.predict_tab import PredictTab
from hrpn_tf.napari_plugin.profile_tab import ProfileTab
from hrpn_tf.napari_plugin.widgets import main_window

_WIDTH = 380  # px


class Dock(QWidget):
    """Predict slides, and measure drawn regions.

    When the window closes, a prediction that is under way stops and keeps what is done; started
    again, it goes on.

    Args:
        napari_viewer: the viewer, which napari gives.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.predict = PredictTab(napari_viewer)
        self.profile = ProfileTab(napari_viewer)
        self.tabs = QTabWidget()
        for title, page in (("Predict", self.predict), ("Profile", self.profile)):
            scroll = QScrollArea()
            scroll.setWidgetResizable(True)
            scroll.setWidget(page)
            self.tabs.addTab(scroll, title)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.tabs)
        self.setMinimumWidth(_WIDTH)
        self.viewer.scale_bar.visible = True
        self.predict.predicted.connect(self.profile.choose_image)
        self._window: QWidget | None = None
        if (application := QApplication.instance()) is not None:
            application.aboutToQuit.connect(self.predict.close_down)

    def showEvent(self, event: QEvent) -> None:  # noqa: N802 (Qt's name)
        """Watch the window, once the dock is in it."""
        super().showEvent(event)
        if self._window is None and (window := main_window(self)) is not None:
            self._window = window
            window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 (Qt's name)
        """Stop a prediction before the window closes."""
        if watched is self._window and event.type() == QEvent.Type.Close:
            self.predict.close_down()
        return False
