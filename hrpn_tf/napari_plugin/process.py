"""A prediction in another process, followed from the window."""

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QObject, QProcess, QTimer, Signal

from hrpn_tf.napari_plugin.messages import Message, read_message

_PATIENCE_MS = 15_000  # between asking the process to stop and ending it
_CLOSING_MS = 5_000  # the same while the window closes
_LONGEST_LINE = 2**20  # bytes


class PredictionProcess(QObject):
    """One run of ``hrpn-tf predict``; another one may start when it has ended.

    Signals:
        said: a :class:`Message` of the command.
        ended: its exit code; -1 if it crashed or could not be started.
    """

    said = Signal(object)
    ended = Signal(int)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._process = QProcess(self)
        self._process.setProcessChannelMode(QProcess.ProcessChannelMode.MergedChannels)
        self._process.readyReadStandardOutput.connect(self._read)
        self._process.finished.connect(self._finish)
        self._process.errorOccurred.connect(self._fail)
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(_PATIENCE_MS)
        self._patience.timeout.connect(self._process.kill)
        self._line = b""

    @property
    def is_running(self) -> bool:
        """Whether a prediction is under way."""
        return bool(self._process.state() != QProcess.ProcessState.NotRunning)

    @property
    def identifier(self) -> int:
        """Of the process; 0 if none runs."""
        return int(self._process.processId())

    def start(self, arguments: Sequence[str]) -> None:
        """Start a command; its messages come as signals.

        Args:
            arguments: program and arguments.
        """
        self._line = b""
        self._process.start(arguments[0], list(arguments[1:]))

    def cancel(self) -> None:
        """Ask the command to stop, which keeps what is predicted; after a while, end it."""
        self._process.terminate()
        self._patience.start()

    def close(self) -> None:
        """Stop the command and wait for it, when the window closes.

        What is predicted is kept, even if the process has to be ended.
        """
        if not self.is_running:
            return
        self._process.blockSignals(True)
        self._process.terminate()
        if not self._process.waitForFinished(_CLOSING_MS):
            self._process.kill()
            self._process.waitForFinished(_CLOSING_MS)

    def _read(self) -> None:
        found = bytes(self._process.readAllStandardOutput().data())
        *lines, self._line = (self._line + found).split(b"\n")
        self._line = self._line[-_LONGEST_LINE:]
        for line in lines:
            self._say(line)

    def _say(self, line: bytes) -> None:
        if text := line.decode(errors="replace").strip():
            self.said.emit(read_message(text))

    def _finish(self, code: int, status: Any) -> None:
        self._patience.stop()
        self._read()
        self._say(self._line)
        self._line = b""
        crashed = status == QProcess.ExitStatus.CrashExit
        self.ended.emit(-1 if crashed else code)

    def _fail(self, error: Any) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self.said.emit(Message("error", self._process.errorString()))
            self.ended.emit(-1)
