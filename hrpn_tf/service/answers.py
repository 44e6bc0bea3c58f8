"""Answers to requests that go wrong: one line of JSON with the name of the error."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from hrpn_tf import errors
from hrpn_tf.service.record import Problem

# The first that an error is an instance of counts.
STATUSES: tuple[tuple[type[errors.HrpnError], int], ...] = (
    (errors.TokenError, 401),
    (errors.ForeignRequestError, 403),
    (errors.ForbiddenPathError, 403),
    (errors.SlideNotFoundError, 404),
    (errors.JobNotFoundError, 404),
    (errors.SlowClientError, 408),
    (errors.JobNotDoneError, 409),
    (errors.RunBusyError, 409),
    (errors.UploadTooLargeError, 413),
    (errors.TooManyJobsError, 429),
    (errors.ServiceStoppingError, 503),
    (errors.StalledError, 504),
    (errors.DiskFullError, 507),
    (errors.BrokenUploadError, 400),
    (errors.UsageError, 422),
)
# The body of the request may not have been read.
_CLOSING = frozenset({400, 408, 413, 507})
_RETRY_SECONDS = {429: "10", 503: "10", 409: "2"}


def status_of(error: Exception) -> int:
    """Status of an error.

    Example:
        >>> status_of(errors.DiskFullError("x")), status_of(errors.HrpnError("x"))
        (507, 500)
    """
    return next((status for kind, status in STATUSES if isinstance(error, kind)), 500)


def answer(error: Exception) -> Response:
    """The answer to a request that met an error."""
    problem = Problem.of(error)
    status = status_of(error)
    headers = {"Retry-After": _RETRY_SECONDS[status]} if status in _RETRY_SECONDS else {}
    if status in _CLOSING:
        headers["Connection"] = "close"
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return as_json({"error": problem.error, "message": problem.message}, status, headers)


def as_json(values: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A value as one line of JSON in ASCII, in which no text from a file does anything."""
    text = json.dumps(values) + "\n"
    return Response(text, status, dict(headers or {}), media_type="application/json")
