"""Runs a service until it is asked to stop."""

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from hrpn_tf.errors import UsageError
from hrpn_tf.extras import require
from hrpn_tf.files import held_folder
from hrpn_tf.service.settings import ServiceSettings

logger = logging.getLogger(__name__)

# Called once requests are answered: with the address, what runs the network, and what stops the
# service.
OnReady = Callable[[str, str, Callable[[], None]], object]


def serve(settings: ServiceSettings, on_ready: OnReady) -> None:
    """Serve predictions until SIGTERM or Ctrl-C; every job is kept.

    Args:
        settings: of the service.
        on_ready: called once requests are answered: with the address, with the runtime, and with
            a function that stops the service from any thread.

    Raises:
        MissingPackageError: FastAPI or uvicorn is not installed.
        TokenError, UsageError: the settings contradict each other, or the address is taken.
        RunBusyError: another service works in the same folder.
        ServiceError: the network cannot be loaded.
        MemoryBudgetError: the server alone needs the memory.
    """
    require("serving", "fastapi", "uvicorn")
    settings.check()
    with held_folder(settings.jobs):
        try:
            with _listening(settings) as listener:
                asyncio.run(_serve(settings, listener, on_ready))
        finally:
            with suppress(OSError):  # it holds jobs
                settings.jobs.rmdir()


async def _serve(settings: ServiceSettings, listener: socket.socket, on_ready: OnReady) -> None:
    from hrpn_tf.service.app import make_app
    from hrpn_tf.service.http_server import make_server
    from hrpn_tf.service.runner import Runner

    runner = Runner(settings)
    try:
        ready = await runner.start()
        if ready.why:
            logger.info(ready.why)
        if ready.caution:
            logger.warning(ready.caution)
        if settings.token is None:
            logger.warning("without a token, every user of this machine can send jobs")
        server = make_server(make_app(settings, runner, ready), runner.begin_stop)
        loop = asyncio.get_running_loop()
        on_ready(_address(listener), ready.ran_by, partial(_call, loop, server.stop))
        await server.serve(sockets=[listener])
    finally:
        await runner.stop()


def _call(loop: asyncio.AbstractEventLoop, function: Callable[[], object]) -> None:
    loop.call_soon_threadsafe(function)


def _listening(settings: ServiceSettings) -> socket.socket:
    """The open socket.

    Raises:
        UsageError: the address is taken, or is none of this machine.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=512)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(
            f"{settings.host}:{settings.port}: {reason}; choose another --host or --port"
        ) from None


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
