"""Small parts of the dock's pages."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hrpn_export.errors import BundleError
from qtpy.QtCore import QObject, Qt, QTimer
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QPushButton,
    QSizePolicy,
    QWidget,
)

from hrpn_tf.errors import HrpnError, UsageError

# Places where a long path may be broken, and the character that says so.
_BREAKS, _HIDDEN = re.compile(r"[/_]"), "\N{ZERO WIDTH SPACE}"
_COLOURS = {"error": "#ff7a70", "warning": "#ffc857", "info": ""}
_NARROWEST = 230  # px of a note, from which its least height follows
_SHORTEST_CHOICE = 12  # characters that a list of choices has room for, at least


def choices() -> QComboBox:
    """A list of choices that does not widen the dock, however long a name is."""
    box = QComboBox()
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    box.setMinimumContentsLength(_SHORTEST_CHOICE)
    box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return box


def fill(box: QComboBox, items: list[tuple[str, Any]], same: Callable[[Any], object]) -> None:
    """Fill a list of choices, and keep what was chosen; nothing is signalled.

    Args:
        box: the list.
        items: text and value of each choice.
        same: gives of a value what identifies it.
    """
    before = box.currentData()
    box.blockSignals(True)
    box.clear()
    for text, value in items:
        box.addItem(text, value)
        box.setItemData(box.count() - 1, text, Qt.ItemDataRole.ToolTipRole)
    kept = [i for i, (_, value) in enumerate(items) if _equal(value, before, same)]
    box.setCurrentIndex(kept[0] if kept else (0 if items else -1))
    box.blockSignals(False)


def _equal(value: Any, before: Any, same: Callable[[Any], object]) -> bool:
    if value is None or before is None:
        return value is before
    return same(value) == same(before)


class Note(QLabel):
    """Text in small letters that takes as many lines as it needs."""

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        self.setTextFormat(Qt.TextFormat.PlainText)  # file names are no markup
        self.setWordWrap(True)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setMinimumWidth(_NARROWEST)

    def say(self, text: str, kind: str = "info") -> None:
        """Show another text.

        Args:
            text: one or more lines.
            kind: info, warning or error.
        """
        colour = _COLOURS.get(kind, "")
        self.setStyleSheet(f"color: {colour};" if colour else "")
        self.setText(_BREAKS.sub(lambda found: found[0] + _HIDDEN, text))
        self.updateGeometry()

    def said(self) -> str:
        """The text that is shown."""
        return str(self.text()).replace(_HIDDEN, "")


def beside(*widgets: QWidget) -> QWidget:
    """Widgets side by side."""
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        layout.addWidget(widget)
    return row


def button(text: str, tip: str, act: Callable[[], object]) -> QPushButton:
    """A button."""
    found = QPushButton(text)
    found.setToolTip(tip)
    found.clicked.connect(lambda _checked=False: act())
    return found


def main_window(widget: QWidget) -> QMainWindow | None:
    """The window that a widget is docked in, also while it floats."""
    parent = widget.parentWidget()
    while parent is not None and not isinstance(parent, QMainWindow):
        parent = parent.parentWidget()
    return parent


def canvas_size(widget: QWidget) -> tuple[int, int]:
    """(height, width) of what napari draws on, px; that of a dock's largest canvas.

    Raises:
        UsageError: the widget is not docked in napari's window.
    """
    window = main_window(widget)
    found = [] if window is None else window.findChildren(QOpenGLWidget)
    if not found:
        raise UsageError("the dock is not in napari's window; close it and open it again")
    canvas = max(found, key=lambda each: each.width() * each.height())
    return canvas.height(), canvas.width()


@contextmanager
def named_errors(note: Note) -> Iterator[None]:
    """Show what is wrong in one line, instead of a traceback."""
    try:
        yield
    except (HrpnError, BundleError) as error:
        note.say(str(error), "error")
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        note.say(f"{where}{error.strerror or error}", "error")


def later(parent: QObject, act: Callable[[], object]) -> Callable[..., None]:
    """A function that calls another once, soon after it was last called.

    Of many layers that come and go together, each is an event.
    """
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(0)
    timer.timeout.connect(lambda: act())
    return lambda *_: timer.start()
