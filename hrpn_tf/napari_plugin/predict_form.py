"""The form of the page that predicts: its parts, their place, and what they show."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QInputDialog,
    QLineEdit,
    QMenu,
    QProgressBar,
    QWidget,
)

from hrpn_tf.napari_plugin.layers import Shown
from hrpn_tf.napari_plugin.networks import NetworkFacts
from hrpn_tf.napari_plugin.widgets import Note, beside, button, choices
from hrpn_tf.slides.depth import Depth, parse_depth
from hrpn_tf.slides.names import slide_name
from hrpn_tf.text import printable

_LARGEST_UM = 100.0
_PROJECTIONS = {"max of all planes": "max", "mean of all planes": "mean"}


class PredictForm(QWidget):
    """The parts of the page; what they do is in ``PredictTab``.

    Signals:
        slide_picked, network_picked, folder_picked: path that a user chose.
        start_pressed, cancel_pressed: the buttons.
    """

    slide_picked = Signal(object)
    network_picked = Signal(object)
    folder_picked = Signal(object)
    start_pressed = Signal()
    cancel_pressed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.slide_box, self.network_box, self.extent_box = choices(), choices(), choices()
        self.slide_note, self.network_note, self.note = Note(), Note(), Note()
        self.size_box = _size_box()
        self.bounds_box = QCheckBox("lower and upper bounds")
        self.overwrite_box = QCheckBox("replace a result of other settings")
        self.folder_edit = QLineEdit()
        self.role_boxes: dict[str, QComboBox] = {}
        self._roles = QWidget()
        self._roles_form = QFormLayout(self._roles)
        self._roles_form.setContentsMargins(0, 0, 0, 0)
        self.bar = QProgressBar()
        self.bar.setVisible(False)
        self.open_button = button("Open…", "Open another slide", self._open_menu)
        self.browse_button = button("Browse…", "Folder of a run or a bundle", self._pick_network)
        self.folder_button = button("…", "Choose the folder of results", self._pick_folder)
        self.start_button = button(
            "Predict", "In another process; it can be stopped", self.start_pressed.emit
        )
        self.cancel_button = button("Stop", "What is predicted is kept", self.cancel_pressed.emit)
        self._lay_out()

    def _lay_out(self) -> None:
        self._form = form = QFormLayout(self)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        form.addRow("Slide", beside(self.slide_box, self.open_button))
        form.addRow("", self.slide_note)
        form.addRow("Pixel size", self.size_box)
        form.addRow("Network", beside(self.network_box, self.browse_button))
        form.addRow("", self.network_note)
        form.addRow("Channels", self._roles)
        form.addRow("Predict", self.extent_box)
        form.addRow("", self.bounds_box)
        form.addRow("Results", beside(self.folder_edit, self.folder_button))
        form.addRow("", self.overwrite_box)
        form.addRow(beside(self.start_button, self.cancel_button))
        form.addRow(self.bar)
        form.addRow(self.note)

    # What is shown

    def show_slide(self, slide: Shown | None, unknown_size: bool) -> None:
        """Say what is known of the chosen slide, and ask for its pixel size if need be."""
        self._form.setRowVisible(self.size_box, unknown_size)
        self.size_box.blockSignals(True)
        self.size_box.setValue((slide.pixel_size_um or 0.0) if unknown_size and slide else 0.0)
        self.size_box.blockSignals(False)
        self.describe_slide(slide)

    def describe_slide(self, slide: Shown | None) -> None:
        """Say what is known of the chosen slide."""
        text = "Open a slide, or drop one into the window." if slide is None else _described(slide)
        self.slide_note.say(text)

    def show_network(self, facts: NetworkFacts | None) -> None:
        """Say what a network expects and gives, and offer its bounds."""
        text = "Browse for a run or a bundle." if facts is None else _network_described(facts)
        self.network_note.say(text)

    def offer_bounds(self, has: bool) -> None:
        """Let bounds be chosen where the network gives them."""
        self.bounds_box.setEnabled(has)
        self.bounds_box.setChecked(has)
        self.bounds_box.setToolTip(
            "" if has else "the network is not calibrated: hrpn-tf calibrate"
        )

    def show_roles(self, names: Sequence[str], proposed: Mapping[str, int | None]) -> None:
        """Offer the channels of a slide for each input.

        Args:
            names: of the slide's channels.
            proposed: index of the channel of each input, None to be chosen; empty if there is no
                slide or no network.
        """
        while self._roles_form.rowCount():
            self._roles_form.removeRow(0)
        self.role_boxes = {}
        self._form.setRowVisible(self._roles, bool(proposed))
        for role, at in proposed.items():
            box = choices()
            box.addItem("choose", None)
            for index, name in enumerate(names):
                box.addItem(printable(name), index)
            box.setCurrentIndex(0 if at is None else at + 1)
            self.role_boxes[role] = box
            self._roles_form.addRow(printable(role), box)

    def show_folder(self, folder: Path) -> None:
        """Show where results go, by the end of a long path."""
        self.folder_edit.setText(str(folder))
        self.folder_edit.setCursorPosition(len(str(folder)))

    # Dialogues

    def ask_depth(self, path: Path, planes: int) -> Depth | None:
        """Ask what is read of a stack; None if nothing."""
        texts = [*_PROJECTIONS, *(str(plane) for plane in range(1, planes + 1))]
        text, said = QInputDialog.getItem(
            self,
            "Stack",
            f"{printable(slide_name(path))} holds {planes} planes in depth. Read the plane, or all "
            "as one:",
            texts,
            0,
            False,
        )
        return parse_depth(_PROJECTIONS.get(text, text)) if said else None

    def _open_menu(self) -> None:
        menu = QMenu(self)
        menu.addAction("Slide…", lambda: self._pick_slide(folder=False))
        menu.addAction(
            "Folder: OME-Zarr, or one TIFF per channel…", lambda: self._pick_slide(folder=True)
        )
        menu.exec(self.open_button.mapToGlobal(self.open_button.rect().bottomLeft()))

    def _pick_slide(self, folder: bool) -> None:
        if folder:
            path = QFileDialog.getExistingDirectory(self, "Open a slide")
        else:
            path, _ = QFileDialog.getOpenFileName(self, "Open a slide")
        if path:
            self.slide_picked.emit(Path(path))

    def _pick_network(self) -> None:
        if path := QFileDialog.getExistingDirectory(self, "Folder of a run or a bundle"):
            self.network_picked.emit(Path(path))

    def _pick_folder(self) -> None:
        if path := QFileDialog.getExistingDirectory(self, "Folder of results"):
            self.folder_picked.emit(Path(path))


def _size_box() -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setDecimals(4)
    box.setRange(0.0, _LARGEST_UM)
    box.setSingleStep(0.05)
    box.setSpecialValueText("not known")
    box.setSuffix(" µm")
    return box


def _described(slide: Shown) -> str:
    info = slide.info
    size = f"{slide.pixel_size_um:.4g} µm/px" if slide.pixel_size_um else "no pixel size"
    text = f"{info.width} × {info.height} px, {size}, {info.dtype}"
    if info.depth is None:
        return text
    if isinstance(info.depth, int):
        return f"{text}, plane {info.depth} of {info.planes}"
    return f"{text}, {info.depth} of {info.planes} planes"


def _network_described(facts: NetworkFacts) -> str:
    size = "" if facts.pixel_size_um is None else f", at {facts.pixel_size_um:.4g} µm/px"
    bounds = "" if not facts.bounds else ", with bounds"
    what = printable(f"{facts.outputs[0]} from {', '.join(facts.inputs)}{size}{bounds}")
    return what if facts.caution is None else f"{what}\n{facts.caution}"
