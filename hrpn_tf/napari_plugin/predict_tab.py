"""The page of the dock that predicts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hrpn_export.errors import BundleError
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QLineEdit,
    QMenu,
    QProgressBar,
    QWidget,
)

from hrpn_tf.errors import HrpnError, UsageError
from hrpn_tf.napari_plugin.command import Wish, results_folder, unfinished_regions
from hrpn_tf.napari_plugin.layers import Shown
from hrpn_tf.napari_plugin.messages import Message
from hrpn_tf.napari_plugin.networks import (
    NetworkChoice,
    NetworkFacts,
    look_at,
    network_at,
    proposed_channels,
    weights_here,
)
from hrpn_tf.napari_plugin.process import PredictionProcess
from hrpn_tf.napari_plugin.region import PixelRegion, seen_region
from hrpn_tf.napari_plugin.shown_slides import (
    add_slide,
    set_pixel_size,
    slides_in,
)
from hrpn_tf.napari_plugin.widgets import (
    Note,
    beside,
    button,
    canvas_size,
    choices,
    fill,
    later,
    named_errors,
)
from hrpn_tf.slides import implausible
from hrpn_tf.slides.names import slide_name
from hrpn_tf.text import printable

_LARGEST_UM = 100.0


@dataclass(frozen=True)
class _Extent:
    """What of a slide is predicted: the view, or a region that is known; None is the slide."""

    view: bool = False
    region: PixelRegion | None = None


class PredictTab(QWidget):
    """Choose slide, network, channels and extent, predict, and see the result.

    Signals:
        predicted: path of a result that is shown now.
    """

    predicted = Signal(object)

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.viewer = viewer
        self.process = PredictionProcess(self)
        self.facts: NetworkFacts | None = None
        self._wish: Wish | None = None
        self._said: list[Message] = []
        self._make()
        self._connect()
        self._fill_networks([])
        self.refresh()

    # What is chosen

    @property
    def slide(self) -> Shown | None:
        """The first channel of the chosen slide."""
        found: Shown | None = self.slide_box.currentData()
        return found

    def wish(self) -> Wish:
        """What is to be predicted, as chosen.

        Raises:
            UsageError: something is not chosen yet.
            RegionError: nothing of the slide is in the window.
        """
        if (slide := self.slide) is None:
            raise UsageError("open a slide first")
        if self.facts is None:
            raise UsageError("choose a network first")
        channels = {role: box.currentData() for role, box in self.role_boxes.items()}
        if missing := [role for role, index in channels.items() if index is None]:
            raise UsageError(f"choose the channel that shows {', '.join(missing)}")
        if len(set(channels.values())) < len(channels):
            raise UsageError("one channel is chosen for two inputs")
        stated = slide.info.pixel_size_um
        unknown = stated is None or implausible(stated)
        size = self.size_box.value() or None
        if unknown and size is None:
            raise UsageError("the slide states no pixel size; enter it")
        return Wish(
            slide.path,
            self.facts.choice,
            channels,
            Path(self.folder_edit.text()),
            self._region(slide),
            self.bounds_box.isChecked(),
            size if unknown else None,
            self.overwrite_box.isChecked(),
        )

    def _region(self, slide: Shown) -> PixelRegion | None:
        extent: _Extent = self.extent_box.currentData()
        if not extent.view:
            return extent.region
        if self.viewer.dims.ndisplay != 2:
            raise UsageError("the window shows three dimensions; switch to two (Ctrl-Y)")
        camera, info = self.viewer.camera, slide.info
        return seen_region(
            camera.center[-2:],
            camera.zoom,
            canvas_size(self),
            slide.corner_um if slide.pixel_size_um else (0.0, 0.0),
            slide.pixel_size_um or 1.0,
            (info.height, info.width),
        )

    # What is done

    def start(self) -> None:
        """Predict what is chosen, in another process."""
        with named_errors(self.note):
            wish = self.wish()
            self._wish, self._said = wish, []
            self.note.say("starting")
            self.bar.setRange(0, 0)
            self.process.start(wish.arguments)
        self._enable()

    def cancel(self) -> None:
        """Stop the prediction; started again, it goes on."""
        self.note.say("stopping")
        self.process.cancel()

    def close_down(self) -> None:
        """Stop a prediction that is under way, because the window closes."""
        self.process.close()

    def add_network(self, path: Path) -> None:
        """Offer the network of a folder, and choose it."""
        with named_errors(self.note):
            choice = network_at(path)
            self._fill_networks([choice])
            self.note.say("")

    def open_slide(self, path: Path) -> None:
        """Open a slide, and choose it."""
        with named_errors(self.note):
            add_slide(self.viewer, path)
            self.refresh()
            paths = [self.slide_box.itemData(i).path for i in range(self.slide_box.count())]
            if path in paths:
                self.slide_box.setCurrentIndex(paths.index(path))
            self.note.say("")

    # Parts

    def _make(self) -> None:
        self.slide_box, self.network_box, self.extent_box = choices(), choices(), choices()
        self.slide_note, self.network_note, self.note = Note(), Note(), Note()
        self.size_box = QDoubleSpinBox()
        self.size_box.setDecimals(4)
        self.size_box.setRange(0.0, _LARGEST_UM)
        self.size_box.setSingleStep(0.05)
        self.size_box.setSpecialValueText("not known")
        self.size_box.setSuffix(" µm")
        self.bounds_box = QCheckBox("lower and upper bounds")
        self.overwrite_box = QCheckBox("replace a result of other settings")
        self.folder_edit = QLineEdit()
        self.role_boxes: dict[str, Any] = {}
        self.roles = QWidget()
        self.roles_form = QFormLayout(self.roles)
        self.roles_form.setContentsMargins(0, 0, 0, 0)
        self.bar = QProgressBar()
        self.bar.setVisible(False)
        self.open_button = button("Open…", "Open another slide", self._open_menu)
        self.browse_button = button("Browse…", "Folder of a run or a bundle", self._browse)
        self.folder_button = button("…", "Choose the folder of results", self._choose_folder)
        self.start_button = button("Predict", "In another process; it can be stopped", self.start)
        self.cancel_button = button("Stop", "What is predicted is kept", self.cancel)
        form = QFormLayout(self)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        form.addRow("Slide", beside(self.slide_box, self.open_button))
        form.addRow("", self.slide_note)
        form.addRow("Pixel size", self.size_box)
        form.addRow("Network", beside(self.network_box, self.browse_button))
        form.addRow("", self.network_note)
        form.addRow("Channels", self.roles)
        form.addRow("Predict", self.extent_box)
        form.addRow("", self.bounds_box)
        form.addRow("Results", beside(self.folder_edit, self.folder_button))
        form.addRow("", self.overwrite_box)
        form.addRow(beside(self.start_button, self.cancel_button))
        form.addRow(self.bar)
        form.addRow(self.note)
        self.form = form

    def _connect(self) -> None:
        changed = later(self, self.refresh)
        self.viewer.layers.events.inserted.connect(changed)
        self.viewer.layers.events.removed.connect(changed)
        self.slide_box.currentIndexChanged.connect(lambda _: self._choose_slide())
        self.network_box.currentIndexChanged.connect(lambda _: self._choose_network())
        self.size_box.valueChanged.connect(lambda _: self._set_size())
        self.bounds_box.toggled.connect(lambda _: self._propose_folder())
        self.folder_edit.editingFinished.connect(self._fill_extents)
        self.process.said.connect(self._hear)
        self.process.ended.connect(self._end)

    # Slide and network

    def refresh(self) -> None:
        """Offer the slides that the viewer has."""
        before = self.slide
        self._fill_slides()
        if before is None or self.slide is None or before.path != self.slide.path:
            self._choose_slide()
        self._enable()

    def _fill_slides(self) -> None:
        slides = slides_in(self.viewer)
        items = [(printable(slide_name(one.path)), one) for one in slides]
        fill(self.slide_box, items, lambda one: one.path)

    def _choose_slide(self) -> None:
        slide = self.slide
        unknown = slide is not None and (
            slide.info.pixel_size_um is None or implausible(slide.info.pixel_size_um)
        )
        self.form.setRowVisible(self.size_box, unknown)
        self.size_box.blockSignals(True)
        self.size_box.setValue((slide.pixel_size_um or 0.0) if unknown and slide else 0.0)
        self.size_box.blockSignals(False)
        self.slide_note.say("Open a slide, or drop one into the window." if slide is None else
                            _describe(slide))  # fmt: skip
        self._fill_roles()
        self._propose_folder()
        self._enable()

    def _set_size(self) -> None:
        if (slide := self.slide) is not None:
            set_pixel_size(self.viewer, slide.path, self.size_box.value() or None)
            self._fill_slides()  # what they show is another object now
            assert self.slide is not None
            self.slide_note.say(_describe(self.slide))
            self.viewer.reset_view()

    def _fill_networks(self, more: list[NetworkChoice]) -> None:
        there = [self.network_box.itemData(i) for i in range(self.network_box.count())]
        with named_errors(self.note):
            there = there or weights_here()
        every = list(dict.fromkeys([*there, *more]))
        items = [(f"{one.name} ({one.kind})", one) for one in every]
        fill(self.network_box, items, lambda one: one)
        if more:
            self.network_box.setCurrentIndex(every.index(more[-1]))
        self._choose_network()

    def _choose_network(self) -> None:
        choice, self.facts = self.network_box.currentData(), None
        try:
            if choice is not None:
                self.facts = look_at(choice)
        except (HrpnError, BundleError) as error:
            self.network_note.say(str(error), "error")
        else:
            text = "Browse for a run or a bundle." if self.facts is None else _facts(self.facts)
            self.network_note.say(text)
        has = self.facts is not None and self.facts.bounds
        self.bounds_box.setEnabled(has)
        self.bounds_box.setChecked(has)
        self.bounds_box.setToolTip(
            "" if has else "the network is not calibrated: hrpn-tf calibrate"
        )
        self._fill_roles()
        self._propose_folder()
        self._enable()

    def _fill_roles(self) -> None:
        while self.roles_form.rowCount():
            self.roles_form.removeRow(0)
        self.role_boxes = {}
        slide, facts = self.slide, self.facts
        self.form.setRowVisible(self.roles, slide is not None and facts is not None)
        if slide is None or facts is None:
            return
        names = slide.info.channels
        proposed = proposed_channels(facts.inputs, facts.channels, names)
        for role in facts.inputs:
            box = choices()
            box.addItem("choose", None)
            for index, name in enumerate(names):
                box.addItem(printable(name), index)
            at = proposed[role]
            box.setCurrentIndex(0 if at is None else at + 1)
            self.role_boxes[role] = box
            self.roles_form.addRow(printable(role), box)

    def _propose_folder(self) -> None:
        if self.slide is not None and self.facts is not None:
            bounds = self.bounds_box.isChecked()
            folder = results_folder(self.slide.path.absolute(), self.facts.choice, bounds)
            self.folder_edit.setText(str(folder))
            self.folder_edit.setCursorPosition(len(str(folder)))
        self._fill_extents()

    def _fill_extents(self) -> None:
        items = [("what the window shows", _Extent(view=True)), ("the whole slide", _Extent())]
        begun: list[PixelRegion | None] = []
        if self.slide is not None and self.folder_edit.text():
            with named_errors(self.note):
                begun = unfinished_regions(self.slide.path, Path(self.folder_edit.text()))
        for region in begun:
            if region is None:
                items[1] = ("the whole slide (goes on)", _Extent())
            else:
                size = f"{region.width} × {region.height} px at {region.x}, {region.y}"
                items.append((f"unfinished: {size}", _Extent(region=region)))
        fill(self.extent_box, items, lambda one: one)

    # The prediction

    def _hear(self, message: Message) -> None:
        self._said.append(message)
        if message.share is not None:
            self.bar.setRange(0, 1000)
            self.bar.setValue(round(1000 * message.share))
        if message.kind == "progress":
            share = "" if message.share is None else f", {message.share:.0%}"
            self.note.say(f"predicting{share}")
        elif message.kind != "info":
            self.note.say(message.text, message.kind)

    def _end(self, code: int) -> None:
        wish, said = self._wish, self._said
        errors = [each.text for each in said if each.kind == "error"]
        warnings = [each.text for each in said if each.kind == "warning"]
        self._fill_extents()
        if code == 0 and wish is not None:
            with named_errors(self.note):
                add_slide(self.viewer, wish.out)
                self.note.say("\n".join([f"written to {wish.out}", *warnings]))
                self.predicted.emit(wish.out)
        elif code in (130, 143):
            self.note.say("stopped; what is predicted is kept, and Predict goes on")
        else:
            last = said[-1].text if said else "the process ended"
            self.note.say(errors[-1] if errors else f"{last} (exit code {code})", "error")
        self._enable()

    def _enable(self) -> None:
        running = self.process.is_running
        self.start_button.setEnabled(
            not running and self.slide is not None and self.facts is not None
        )
        self.cancel_button.setEnabled(running)
        self.bar.setVisible(running)

    # Dialogues

    def _open_menu(self) -> None:
        menu = QMenu(self)
        menu.addAction("Slide…", lambda: self._ask_slide(folder=False))
        menu.addAction("Folder: OME-Zarr, or one TIFF per channel…",
                       lambda: self._ask_slide(folder=True))  # fmt: skip
        menu.exec(self.open_button.mapToGlobal(self.open_button.rect().bottomLeft()))

    def _ask_slide(self, folder: bool) -> None:
        if folder:
            path = QFileDialog.getExistingDirectory(self, "Open a slide")
        else:
            path, _ = QFileDialog.getOpenFileName(self, "Open a slide")
        if path:
            self.open_slide(Path(path))

    def _browse(self) -> None:
        if path := QFileDialog.getExistingDirectory(self, "Folder of a run or a bundle"):
            self.add_network(Path(path))

    def _choose_folder(self) -> None:
        if path := QFileDialog.getExistingDirectory(self, "Folder of results"):
            self.folder_edit.setText(path)
            self._fill_extents()


def _describe(slide: Shown) -> str:
    info = slide.info
    size = f"{slide.pixel_size_um:.4g} µm/px" if slide.pixel_size_um else "no pixel size"
    return f"{info.width} × {info.height} px, {size}, {info.dtype}"


def _facts(facts: NetworkFacts) -> str:
    size = "" if facts.pixel_size_um is None else f", at {facts.pixel_size_um:.4g} µm/px"
    bounds = "" if not facts.bounds else ", with bounds"
    what = printable(f"{facts.outputs[0]} from {', '.join(facts.inputs)}{size}{bounds}")
    return what if facts.caution is None else f"{what}\n{facts.caution}"
