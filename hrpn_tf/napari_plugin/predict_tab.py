"""The page of the dock that predicts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hrpn_export.errors import BundleError
from qtpy.QtCore import Signal

from hrpn_tf.errors import DepthError, HrpnError, UsageError
from hrpn_tf.napari_plugin.command import CommandWish, results_folder, unfinished_regions
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
from hrpn_tf.napari_plugin.predict_form import PredictForm
from hrpn_tf.napari_plugin.process import PredictionProcess
from hrpn_tf.napari_plugin.region import PixelRegion
from hrpn_tf.napari_plugin.shown_slides import add_slide, seen_of, set_pixel_size, slides_in
from hrpn_tf.napari_plugin.widgets import canvas_size, fill, later, named_errors
from hrpn_tf.slides import implausible
from hrpn_tf.slides.depth import Depth
from hrpn_tf.slides.names import slide_name
from hrpn_tf.text import printable


@dataclass(frozen=True)
class _Extent:
    """What of a slide is predicted: the view, or a region that is known; None is the slide."""

    view: bool = False
    region: PixelRegion | None = None


class PredictTab(PredictForm):
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
        self._wish: CommandWish | None = None
        self._said: list[Message] = []
        self._connect()
        self._fill_networks([])
        self.refresh()

    # What is chosen

    @property
    def slide(self) -> Shown | None:
        """The first channel of the chosen slide."""
        found: Shown | None = self.slide_box.currentData()
        return found

    def wish(self) -> CommandWish:
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
        unknown = _is_size_unknown(slide)
        size = self.size_box.value() or None
        if unknown and size is None:
            raise UsageError("the slide states no pixel size; enter it")
        return CommandWish(
            slide.path,
            self.facts.choice,
            channels,
            Path(self.folder_edit.text()),
            self._region(slide),
            self.bounds_box.isChecked(),
            size if unknown else None,
            self.overwrite_box.isChecked(),
            slide.info.depth,
        )

    def _region(self, slide: Shown) -> PixelRegion | None:
        extent: _Extent = self.extent_box.currentData()
        return seen_of(self.viewer, canvas_size(self), slide) if extent.view else extent.region

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

    def open_slide(self, path: Path, z: Depth | None = None) -> None:
        """Open a slide, and choose it; of a stack, ask what is read unless ``z`` says it."""
        with named_errors(self.note):
            try:
                add_slide(self.viewer, path, z)
            except DepthError as error:
                if z is None and (z := self.ask_depth(path, error.planes)) is None:
                    return
                add_slide(self.viewer, path, z)
            self.refresh()
            paths = [self.slide_box.itemData(i).path for i in range(self.slide_box.count())]
            if path in paths:
                self.slide_box.setCurrentIndex(paths.index(path))
            self.note.say("")

    def _connect(self) -> None:
        changed = later(self, self.refresh)
        self.viewer.layers.events.inserted.connect(changed)
        self.viewer.layers.events.removed.connect(changed)
        self.slide_box.currentIndexChanged.connect(lambda _: self._choose_slide())
        self.network_box.currentIndexChanged.connect(lambda _: self._choose_network())
        self.size_box.valueChanged.connect(lambda _: self._set_size())
        self.bounds_box.toggled.connect(lambda _: self._propose_folder())
        self.folder_edit.editingFinished.connect(self._fill_extents)
        self.slide_picked.connect(self.open_slide)
        self.network_picked.connect(self.add_network)
        self.folder_picked.connect(self._take_folder)
        self.start_pressed.connect(self.start)
        self.cancel_pressed.connect(self.cancel)
        self.process.said.connect(self._hear)
        self.process.ended.connect(self._end)

    # Slide and network

    def refresh(self) -> None:
        """Offer the slides that the viewer has."""
        before = self.slide
        self._fill_slides()
        if _identity(before) != _identity(self.slide):
            self._choose_slide()
        self._enable()

    def _fill_slides(self) -> None:
        slides = slides_in(self.viewer)
        items = [(printable(slide_name(one.path)), one) for one in slides]
        fill(self.slide_box, items, lambda one: one.path)

    def _choose_slide(self) -> None:
        slide = self.slide
        self.show_slide(slide, slide is not None and _is_size_unknown(slide))
        self._fill_roles()
        self._propose_folder()
        self._enable()

    def _set_size(self) -> None:
        if (slide := self.slide) is not None:
            set_pixel_size(self.viewer, slide.path, self.size_box.value() or None)
            self._fill_slides()  # what they show is another object now
            self.describe_slide(self.slide)
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
            self.show_network(self.facts)
        self.offer_bounds(self.facts is not None and self.facts.bounds)
        self._fill_roles()
        self._propose_folder()
        self._enable()

    def _fill_roles(self) -> None:
        slide, facts = self.slide, self.facts
        if slide is None or facts is None:
            self.show_roles((), {})
            return
        names = slide.info.channels
        self.show_roles(names, proposed_channels(facts.inputs, facts.channels, names))

    def _propose_folder(self) -> None:
        if self.slide is not None and self.facts is not None:
            bounds = self.bounds_box.isChecked()
            path, depth = self.slide.path.absolute(), self.slide.info.depth
            self.show_folder(results_folder(path, self.facts.choice, bounds, depth))
        self._fill_extents()

    def _take_folder(self, folder: Path) -> None:
        self.show_folder(folder)
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


def _is_size_unknown(slide: Shown) -> bool:
    stated = slide.info.pixel_size_um
    return stated is None or implausible(stated)


def _identity(slide: Shown | None) -> object:
    return None if slide is None else (slide.path, slide.info.depth)
