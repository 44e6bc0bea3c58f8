"""What reaches the terminal: log lines, progress bars, and nothing of TensorFlow's own.

The library itself never prints. It logs under ``hrpn_tf``, ``hrpn_export`` and ``hrpn_benchmarks``,
and reports progress to :mod:`hrpn_tf.progress`. Without a handler nothing is shown, as Python's
``logging`` documents. ``hrpn-tf`` shows both with :func:`terminal_log`.

A record may quote a file name or a channel. Here, where all of them pass, such text becomes
printable: no character of it acts on the terminal, and what the encoding of the terminal cannot
show is replaced.
"""

import json
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, TextIO

from hrpn_tf.keras_backend import DEFAULT, choose_backend
from hrpn_tf.progress import Bar, Bars, Update, callback_bars, show_progress
from hrpn_tf.text import printable, printable_lines
from hrpn_tf.waiting import START_UP, waiting

logger = logging.getLogger(__name__)

WARNINGS = "py.warnings"  # the logger of Python's own warnings, as logging.captureWarnings names it
LOGGERS = ("hrpn_tf", "hrpn_export", "hrpn_benchmarks", WARNINGS)
# A progress bar in a file grows by a line a minute, and JSON by a line every few seconds.
_FILE_SECONDS, _JSON_SECONDS = 60.0, 5.0
# Lines about a running training stand beside its progress bar, on standard error.
_BESIDE_THE_BAR = "hrpn_tf.training"


@dataclass(frozen=True)
class Verbosity:
    """How much the handler shows, and how.

    Attributes:
        quiet: warnings and errors only, and no progress.
        verbose: debug records, too; each line on standard error has time and logger name.
        as_json: every record and every few seconds of progress is a JSON object on a line of its
            own, on standard error.
    """

    quiet: bool = False
    verbose: bool = False
    as_json: bool = False

    @property
    def level(self) -> int:
        """The lowest level that is shown."""
        if self.verbose:
            return logging.DEBUG
        return logging.WARNING if self.quiet else logging.INFO


@contextmanager
def terminal_log(verbosity: Verbosity | None = None) -> Iterator[None]:
    """Show log records of this project, and progress, for as long as the context.

    Inside another such context, the outer one stays in charge.

    Args:
        verbosity: how much to show; None for ``Verbosity()``.

    Example:
        >>> import logging
        >>> with terminal_log():
        ...     logging.getLogger("hrpn_tf.demo").info("shown on standard output")
        shown on standard output
    """
    loggers = [logging.getLogger(name) for name in LOGGERS]
    if any(isinstance(handler, TerminalHandler) for handler in loggers[0].handlers):
        yield
        return
    verbosity = verbosity or Verbosity()
    handler = TerminalHandler(verbosity)
    before = [(logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(verbosity.level)
        logger.propagate = False  # a handler of the root logger would show every line again
    try:
        with show_progress(_bars(verbosity)):
            yield
    finally:
        for logger, (level, propagate) in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagate


class TerminalHandler(logging.Handler):
    """Writes records to the terminal, one line each, without breaking a progress bar.

    Information goes to standard output, everything else to standard error. With ``as_json``
    everything goes to standard error.

    Args:
        verbosity: how much to show, and how.
    """

    def __init__(self, verbosity: Verbosity) -> None:
        super().__init__(verbosity.level)
        self._as_json = verbosity.as_json
        line = _DetailedLine() if verbosity.verbose else _Line()
        self.setFormatter(_JsonLine() if verbosity.as_json else line)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record.

        Raises:
            BrokenPipeError: the stream is closed.
        """
        try:
            stream = self._stream(record)
            with _beside_bars(stream):
                stream.write(encodable(self.format(record), stream) + "\n")
                stream.flush()
        except BrokenPipeError:
            raise
        except Exception:  # noqa: BLE001 (logging must not stop the work that it reports)
            self.handleError(record)

    def _stream(self, record: logging.LogRecord) -> TextIO:
        if self._as_json or not _is_output(record):
            return sys.stderr
        return sys.stdout


class _Line(logging.Formatter):
    """The message in one line; warnings and errors with the name of the program before it."""

    def format(self, record: logging.LogRecord) -> str:
        if record.name == WARNINGS:  # of another package: as Python shows it
            return printable_lines(record.getMessage().rstrip())
        text = _one_line(record)
        return text if record.levelno < logging.WARNING else f"hrpn-tf: {text}"


class _DetailedLine(_Line):
    """Time, level and logger before the message, but for what goes to standard output."""

    def format(self, record: logging.LogRecord) -> str:
        if record.name == WARNINGS or _is_output(record):
            return super().format(record)
        text = _one_line(record)
        time = self.formatTime(record, "%H:%M:%S")
        return f"{time} {record.levelname} {record.name}: {text}"


class _JsonLine(logging.Formatter):
    """Time, level, logger, message and traceback, as a JSON object in one line."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage().strip(),
        }
        if isinstance(update := getattr(record, "progress", None), Update):
            fields["progress"] = asdict(update)
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        text = json.dumps(fields, ensure_ascii=False)
        # JSON itself asks for no escape of C1, marks of direction and separators of lines
        return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def encodable(text: str, stream: TextIO) -> str:
    """A text of which the encoding of a stream can show every character; others are escaped.

    Example:
        >>> import io
        >>> encodable("3 µm", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
        '3 \\\\xb5m'
    """
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _one_line(record: logging.LogRecord) -> str:
    return printable(" ".join(record.getMessage().split()))


def _is_output(record: logging.LogRecord) -> bool:
    """Whether a record is part of what the command prints on standard output."""
    return record.levelno == logging.INFO and not record.name.startswith(_BESIDE_THE_BAR)


def _bars(verbosity: Verbosity) -> Bars | None:
    if verbosity.quiet:
        return None
    return callback_bars(_log_update, _JSON_SECONDS) if verbosity.as_json else _terminal_bar


def _terminal_bar(**options: Any) -> Bar:
    from tqdm import tqdm

    if not sys.stderr.isatty():
        options |= {"mininterval": _FILE_SECONDS, "maxinterval": _FILE_SECONDS}
    bar: Bar = tqdm(file=sys.stderr, **options)
    return bar


def _log_update(update: Update) -> None:
    logger.info(update.title, extra={"progress": update})


def _beside_bars(stream: TextIO) -> AbstractContextManager[None]:
    """Clear the progress bars that are shown, and draw them again below the new line."""
    shown = sys.modules.get("tqdm")
    return shown.tqdm.external_write_mode(file=stream) if shown else nullcontext()


def load_tensorflow(backend: str = DEFAULT, *, deterministic: bool = True) -> None:
    """Import TensorFlow, silently unless that fails, and let Keras compute with it.

    A training may let Keras compute with JAX; TensorFlow then reads the data.

    Its libraries write to the file descriptor of standard error while they load, whatever the log
    level. An import error is a Python exception and is raised as usual.

    Args:
        backend, deterministic: see :func:`~hrpn_tf.keras_backend.choose_backend`.

    Raises:
        BackendError: see there.
    """
    choose_backend(backend, deterministic=deterministic)
    started = time.monotonic()
    level = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # only errors
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        with waiting.part(START_UP):
            import tensorflow
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
    if level >= "2":  # its Python part advises the authors of networks, not their users
        tensorflow.get_logger().setLevel(logging.ERROR)
    logger.debug(f"TensorFlow loaded in {time.monotonic() - started:.1f} s")
