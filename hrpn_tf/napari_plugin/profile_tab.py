"""The page of the dock that measures drawn regions."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from hrpn_export.errors import BundleError
from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from napari.qt.threading import thread_worker
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDoubleSpinBox, QFileDialog, QFormLayout, QSizePolicy, QWidget

from hrpn_tf.errors import HrpnError, UsageError
from hrpn_tf.napari_plugin.layers import Shown
from hrpn_tf.napari_plugin.profile import DrawnProfile, ProfileWish, measure, save
from hrpn_tf.napari_plugin.profile_figure import draw_profile, in_words
from hrpn_tf.napari_plugin.shown_slides import shown_of
from hrpn_tf.napari_plugin.widgets import Note, beside, button, choices, fill, later, named_errors
from hrpn_tf.slides.roles import suggested_role
from hrpn_tf.text import printable

REGIONS, VESSELS = "regions", "vessels found"
_TOOLS = {
    "Rectangle": "add_rectangle",
    "Ellipse": "add_ellipse",
    "Freehand": "add_polygon_lasso",
}
_MOST_GREY = 1e6


class ProfileTab(QWidget):
    """Draw a region, and see the intensity in it by distance to the nearest vessel."""

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.viewer = viewer
        self.drawn: DrawnProfile | None = None
        self._busy = False
        self._make()
        changed = later(self, self.refresh)
        self.viewer.layers.events.inserted.connect(changed)
        self.viewer.layers.events.removed.connect(changed)
        self.refresh()

    def wish(self) -> ProfileWish:
        """What is to be measured, as chosen.

        Raises:
            UsageError: something is not chosen or drawn yet.
        """
        self.refresh()  # a pixel size may have been entered since
        image, vessels = self.image_box.currentData(), self.vessels_box.currentData()
        if image is None or vessels is None:
            raise UsageError("open a slide, and predict it, first")
        layer = self._regions()
        if layer is None or not len(layer.data):
            raise UsageError("draw a region first")
        chosen = sorted(layer.selected_data) or range(len(layer.data))
        threshold = self.threshold_box.value()
        return ProfileWish(
            image,
            vessels,
            [np.array([layer.data_to_world(p)[-2:] for p in layer.data[i]]) for i in chosen],
            [layer.shape_type[i] for i in chosen],
            self.other_box.currentData(),
            threshold if threshold > 0 else None,
        )

    def draw(self, mode: str) -> None:
        """Let the user draw in the layer of regions, which is made if it is not there."""
        layer = self._regions()
        if layer is None:
            layer = self.viewer.add_shapes(
                ndim=2,
                name=REGIONS,
                edge_color="white",
                face_color="transparent",
                edge_width=1,
                units=("um", "um"),
            )
        self.viewer.layers.selection.active = layer
        layer.mode = mode

    def start(self) -> None:
        """Measure what is drawn, in a thread."""
        with named_errors(self.note):
            worker = thread_worker(_measured)(self.wish())
            worker.returned.connect(self._show)
            worker.errored.connect(self._fail)
            self._set_busy(True)
            self.note.say("measuring")
            worker.start()

    def choose_image(self, path: Path) -> None:
        """Choose a prediction that was opened."""
        self.refresh()
        for index in range(self.image_box.count()):
            if self.image_box.itemData(index).path == path:
                self.image_box.setCurrentIndex(index)
                return

    def save_csv(self, path: Path) -> None:
        """Write the profile that is shown."""
        if self.drawn is not None:
            with named_errors(self.note):
                save(self.drawn, path)
                self.note.say(f"written to {path}")

    def refresh(self) -> None:
        """Offer the layers that the viewer has; predictions first, and likely vessels."""
        items = [(layer.name, s) for layer in self.viewer.layers if (s := shown_of(layer))]
        first = sorted(items, key=lambda item: not item[1].predicted)
        vessels = sorted(
            (item for item in items if not item[1].predicted or "(" in item[1].name),
            key=lambda item: suggested_role(item[1].name) != "vessels",
        )
        fill(self.image_box, first, _identity)
        fill(self.vessels_box, vessels, _identity)
        fill(self.other_box, [("nothing", None), *items], _identity)
        self.measure_button.setEnabled(bool(items) and not self._busy)

    def _make(self) -> None:
        self.image_box, self.vessels_box, self.other_box = choices(), choices(), choices()
        self.threshold_box = QDoubleSpinBox()
        self.threshold_box.setRange(0.0, _MOST_GREY)
        self.threshold_box.setSpecialValueText("found from the slide")
        self.note = Note("Draw a region, then measure it. Selected regions count, or all.")
        tip = f"Draw in the layer '{REGIONS}'"
        tools = [button(name, tip, partial(self.draw, mode)) for name, mode in _TOOLS.items()]
        self.measure_button = button("Measure", "Intensity by distance to vessels", self.start)
        self.csv_button = button("Save CSV…", "The profile as a table", self._ask_csv)
        self.csv_button.setEnabled(False)
        self.figure = Figure(layout="constrained")
        self.canvas = FigureCanvasQTAgg(self.figure)
        self.canvas.setMinimumSize(220, 230)
        self.canvas.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
        form = QFormLayout(self)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        form.addRow("Intensity", self.image_box)
        form.addRow("Vessels", self.vessels_box)
        form.addRow("Vessel if above", self.threshold_box)
        form.addRow("Compare with", self.other_box)
        form.addRow("Draw", beside(*tools))
        form.addRow(beside(self.measure_button, self.csv_button))
        form.addRow(self.note)
        form.addRow(self.canvas)
        draw_profile(self.figure, None)

    def _regions(self) -> Any | None:
        """The layer that regions are drawn in: the chosen one, ours, or any with shapes."""
        from napari.layers import Shapes

        shapes = [layer for layer in self.viewer.layers if isinstance(layer, Shapes)]
        active = self.viewer.layers.selection.active
        if active in shapes:
            return active
        ours = [layer for layer in shapes if layer.name == REGIONS]
        return next(iter([*ours, *shapes]), None)

    def _show(self, result: DrawnProfile | HrpnError) -> None:
        self._set_busy(False)
        if not isinstance(result, DrawnProfile):
            self.note.say(str(result), "error")
            return
        self.drawn = result
        draw_profile(self.figure, result)
        self.canvas.draw_idle()
        self.csv_button.setEnabled(True)
        self.note.say(in_words(result))
        self._show_vessels(result)

    def _show_vessels(self, drawn: DrawnProfile) -> None:
        """Outlines of what was taken for a vessel, so that a wrong threshold is seen."""
        if VESSELS in self.viewer.layers:
            self.viewer.layers.remove(VESSELS)
        if drawn.found.vessels is None:
            return
        active, size = self.viewer.layers.selection.active, drawn.pixel_size_um
        layer = self.viewer.add_labels(
            (drawn.found.vessels > 0).astype(np.uint8),
            name=VESSELS,
            scale=(size, size),
            translate=tuple(corner + size / 2 for corner in drawn.corner_um),
            units=("um", "um"),
            colormap={None: "transparent", 1: "cyan"},
        )
        layer.contour = 1
        layer.editable = False
        self.viewer.layers.selection.active = active

    def _fail(self, error: BaseException) -> None:
        self._set_busy(False)
        self.note.say(f"{type(error).__name__}: {printable(error, 300)}", "error")

    def _set_busy(self, busy: bool) -> None:
        self._busy = busy
        self.measure_button.setEnabled(not busy)

    def _ask_csv(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the profile", "profile.csv", "*.csv")
        if path:
            self.save_csv(Path(path))


def _measured(wish: ProfileWish) -> DrawnProfile | Exception:
    """What is wrong is a result: napari would show it as a traceback."""
    try:
        return measure(wish)
    except (HrpnError, BundleError) as error:
        return error


def _identity(shown: Shown) -> object:
    return shown.path, shown.channel
