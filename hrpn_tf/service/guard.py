"""What every request passes before anything is done: name of the host, origin, token.

It is also where errors become answers, so that no traceback leaves the server.
"""

import asyncio
import hashlib
import hmac
import ipaddress
import logging
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hrpn_tf.errors import ForeignRequestError, HrpnError, TokenError
from hrpn_tf.service.answers import answer
from hrpn_tf.text import printable

logger = logging.getLogger(__name__)

# Without a token: they tell nothing of jobs or of the network.
OPEN = frozenset({"/", "/docs", "/openapi.json", "/healthz", "/readyz"})
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
)
# Of the body of a refused request that is read, so that the client sees the answer.
_DRAINED_BYTES, _DRAIN_SECONDS = 16 * 2**20, 2.0
_READ = "hrpn_tf.body_read"


class Guard:
    """The outermost part of the application.

    Args:
        app: what answers the requests that pass.
        token: that they must bear; None for none.
        hosts: names and addresses of this server; without a token, others are refused: else a page
            of another site could reach it under a name of its own (DNS rebinding).
    """

    def __init__(self, app: ASGIApp, token: str | None, hosts: Iterable[str]) -> None:
        self._app = app
        self._token = None if token is None else _digest(token)
        self._hosts = {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; see ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def receive_on() -> Message:
            message = await receive()
            if not message.get("more_body"):
                scope[_READ] = True
            return message

        async def send_on(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message = {**message, "headers": [*message["headers"], *_HEADERS]}
            await send(message)

        try:
            self._check(scope)
            await self._app(scope, receive_on, send_on)
        except Exception as error:  # whatever it is, the client gets an answer
            if not isinstance(error, HrpnError | OSError):
                logger.error(
                    f"{scope['method']} {printable(scope['path'], 200)}: "
                    f"{type(error).__name__}: {error}",
                    exc_info=logger.isEnabledFor(logging.DEBUG),
                )
                error = HrpnError("a fault of the service; its log says more")
            if not started:
                await drain(scope, receive_on)
                await answer(error)(scope, receive_on, send_on)

    def _check(self, scope: Scope) -> None:
        """Refuse requests of strangers.

        Raises:
            ForeignRequestError: the page of another site sent it, or it names another host.
            TokenError: the token is missing or wrong.
        """
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get(b"host", "")
        if self._token is None and _name(host) not in self._hosts:
            raise ForeignRequestError(
                f"this service is not called {printable(host, 80)!r}; without a token it answers "
                "to its own address alone"
            )
        origin = headers.get(b"origin")
        if origin is not None and _place(origin) != host.lower():
            raise ForeignRequestError("requests from pages of other sites are refused")
        if self._token is None or scope["path"] in OPEN:
            return
        kind, _, token = headers.get(b"authorization", "").partition(" ")
        if kind.lower() != "bearer" or not hmac.compare_digest(_digest(token), self._token):
            raise TokenError("the token is missing or wrong; send Authorization: Bearer TOKEN")


def _digest(token: str) -> bytes:
    """Of equal length for all, so that the time of a comparison tells nothing."""
    return hashlib.sha256(token.strip().encode("latin-1", "replace")).digest()


def _place(origin: str) -> str | None:
    """Name and port in an ``Origin`` header; None if it is malformed."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None


def _name(host: str) -> str | None:
    """The name or address in a ``Host`` header, without the port; None if it is malformed."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return None
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return name.lower()


async def drain(scope: Scope, receive: Receive) -> None:
    """Read what a client is sending, in bounds: it sees no answer while it sends."""
    if any(name == b"expect" for name, _ in scope["headers"]) or scope.get(_READ):
        return  # it waits for the answer
    read = 0
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            while read < _DRAINED_BYTES:
                message = await receive()
                read += len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body"):
                    return
    except TimeoutError:
        return
