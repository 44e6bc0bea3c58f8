"""Uvicorn, with limits of its own and without its own log."""

import asyncio
import logging
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from hrpn_tf.service.guard import Guard

_CLOSING_SECONDS = 3  # for answers that are under way when the service stops
_HEADER_SECONDS = 20.0  # for the head of the first request of a connection
_CONNECTIONS = 512


class PatientProtocol(H11Protocol):
    """HTTP/1.1 that closes a connection on which no request comes."""

    def connection_made(self, transport: Any) -> None:
        """A client connects."""
        super().connection_made(transport)
        asyncio.get_running_loop().call_later(_HEADER_SECONDS, self._close_if_silent)

    def _close_if_silent(self) -> None:
        begun: Any = self.cycle  # None until the head of a request is there
        if begun is None and not self.transport.is_closing():
            self.transport.close()


class Server(uvicorn.Server):
    """A server that reports at once that it was asked to stop."""

    def __init__(self, config: uvicorn.Config, on_stop: Callable[[], object]) -> None:
        super().__init__(config)
        self._on_stop = on_stop

    def stop(self) -> None:
        """Stop as a signal does; to be called in the thread of the server."""
        self._on_stop()
        self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM and Ctrl-C."""
        self._on_stop()
        super().handle_exit(sig, frame)


class _Forward(logging.Handler):
    """What uvicorn has to complain about, as lines of this program."""

    def emit(self, record: logging.LogRecord) -> None:
        logging.getLogger(__name__).log(record.levelno, record.getMessage().splitlines()[0])


def make_server(app: Guard, on_stop: Callable[[], object]) -> Server:
    """A server for an application.

    Args:
        app: the application.
        on_stop: called when the server is asked to stop.
    """
    log = logging.getLogger("uvicorn.error")
    log.propagate = False
    log.setLevel(logging.WARNING)
    if not any(isinstance(handler, _Forward) for handler in log.handlers):
        log.addHandler(_Forward())
    config = uvicorn.Config(
        app,
        loop="asyncio",
        http=PatientProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=_CLOSING_SECONDS,
    )
    return Server(config, on_stop)
