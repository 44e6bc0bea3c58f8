"""The HTTP interface of a service."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import FastAPI, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import (
    FileResponse,
    HTMLResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)

from hrpn_tf._version import __version__
from hrpn_tf.errors import (
    BrokenUploadError,
    HrpnError,
    JobNotDoneError,
    JobRequestError,
    SlowClientError,
)
from hrpn_tf.files import remove
from hrpn_tf.service.answers import answer, as_json
from hrpn_tf.service.api_page import api_page
from hrpn_tf.service.guard import Guard, drain
from hrpn_tf.service.places import safe_file_name
from hrpn_tf.service.record import INPUT, Job
from hrpn_tf.service.runner import Runner
from hrpn_tf.service.settings import ServiceSettings
from hrpn_tf.service.store import Upload
from hrpn_tf.service.upload import receive
from hrpn_tf.service.wishes import PathWish, Wish
from hrpn_tf.service.worker_process import Ready
from hrpn_tf.text import printable

_EVENT_SECONDS, _HEARTBEAT_SECONDS = 0.2, 15.0
_LEAST_FREE = 64 * 2**20  # bytes of disk below which the service says that it is not ready
_LOCAL = ("127.0.0.1", "::1", "localhost")
_ID = Annotated[str, Path(pattern="^[0-9a-f]{24}$", description="Name of the job.")]
_BODY = {
    "requestBody": {
        "required": True,
        "description": "The file itself, e.g. `curl --upload-file`.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_ABOUT = """Predict, pixel by pixel, where nanoprobes go in a tumour section.

Send a slide, or name one that lies on the server; watch the job; fetch the result, an OME-TIFF.
Two requests for the same result are one job. Errors are one line of JSON: `error`, a name, and
`message`, what is wrong and what to do.
"""


def make_app(settings: ServiceSettings, runner: Runner, ready: Ready) -> Guard:
    """The application that answers requests.

    Args:
        settings: of the service.
        runner: started; runs the jobs.
        ready: what is known of the network.
    """
    app = FastAPI(
        title="hrpn-tf serve",
        description=_ABOUT,
        version=__version__,
        docs_url=None,  # it loads scripts from another site
        redoc_url=None,
    )
    _add_state(app, settings, runner, ready)
    _add_submissions(app, settings, runner)
    _add_jobs(app, runner)
    _add_errors(app)
    page = api_page(app.openapi())

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(page.text, headers={"Content-Security-Policy": page.policy})

    @app.get("/", include_in_schema=False)
    async def root() -> Response:
        return RedirectResponse("/docs")

    return Guard(app, settings.token, {*_LOCAL, settings.host})


def _add_state(app: FastAPI, settings: ServiceSettings, runner: Runner, ready: Ready) -> None:
    @app.get("/healthz", tags=["service"], summary="Whether the server answers")
    async def health() -> dict[str, Any]:
        return {"status": "ok", "version": __version__, "runtime": ready.ran_by}

    @app.get("/readyz", tags=["service"], summary="Whether it takes jobs on")
    async def readiness() -> Response:
        free = shutil.disk_usage(settings.jobs).free
        if not runner.ready:
            return as_json({"status": "stopping"}, 503)
        if free < _LEAST_FREE:
            return as_json({"status": "disk full", "free_bytes": free}, 503)
        return as_json({"status": "ready", "runtime": ready.ran_by})

    @app.get("/v1/network", tags=["service"], summary="What the network takes and gives")
    async def network() -> dict[str, Any]:
        return {
            "contract": ready.contract,
            "origin": ready.origin,
            "caution": ready.caution,
            "runtime": ready.ran_by,
        }


def _add_submissions(app: FastAPI, settings: ServiceSettings, runner: Runner) -> None:
    @app.put(
        "/v1/slides/{name}",
        tags=["jobs"],
        status_code=202,
        openapi_extra=_BODY,
        summary="Send a slide, and have it predicted",
    )
    async def upload(
        request: Request,
        name: Annotated[str, Path(max_length=200, description="Name of the file.")],
        region: Annotated[str | None, Query(description="X,Y,WIDTH,HEIGHT in px.")] = None,
        channel: Annotated[
            list[str] | None, Query(description="ROLE=NAME; may be repeated.")
        ] = None,
        pixel_size_um: Annotated[float | None, Query(description="If the file has none.")] = None,
        z: Annotated[str | None, Query(description="Of a stack: a plane, max or mean.")] = None,
    ) -> Response:
        wish = _wish(region=region, channels=channel or [], pixel_size_um=pixel_size_um, z=z)
        stored = safe_file_name(name)
        with runner.store.slot():
            folder = runner.store.new_folder()
            try:
                digest = await receive(
                    request.stream(),
                    folder / INPUT / stored,
                    length=_length(request),
                    limits=settings.limits,
                    stopping=lambda: runner.store.stopping,
                )
                job = runner.store.submit_upload(Upload(folder, stored, name, digest), wish)
            finally:
                await asyncio.to_thread(remove, folder)
        return _accepted(job, runner)

    @app.post(
        "/v1/jobs",
        tags=["jobs"],
        status_code=202,
        summary="Predict a slide that lies on the server",
    )
    async def by_path(wish: PathWish) -> Response:
        return _accepted(await runner.store.submit_path(wish), runner)


def _add_jobs(app: FastAPI, runner: Runner) -> None:
    @app.get("/v1/jobs", tags=["jobs"], summary="All jobs, the newest first")
    async def jobs() -> Response:
        return as_json({"jobs": [_shown(job, runner) for job in runner.store.all()]})

    @app.get("/v1/jobs/{id}", tags=["jobs"], summary="How far a job is")
    async def job(id: _ID) -> Response:
        return as_json(_shown(runner.store.get(id), runner))

    @app.get(
        "/v1/jobs/{id}/events",
        tags=["jobs"],
        summary="The same whenever it changes, as server-sent events",
        response_class=StreamingResponse,
    )
    async def events(id: _ID) -> Response:
        stream = _events(runner.store.get(id), runner)
        return StreamingResponse(stream, media_type="text/event-stream")

    @app.get(
        "/v1/jobs/{id}/result",
        tags=["jobs"],
        summary="The predicted slide, an OME-TIFF; ranges are supported",
        response_class=FileResponse,
    )
    async def result(id: _ID) -> Response:
        job = runner.store.get(id)
        if job.record.problem is not None:
            problem = job.record.problem
            raise JobNotDoneError(f"the job failed: {problem.error}: {problem.message}")
        if not job.has_result:
            raise JobNotDoneError(f"the job is {job.record.state}; its result is not there yet")
        return FileResponse(job.result, media_type="image/tiff", filename=job.download_name)

    @app.delete(
        "/v1/jobs/{id}",
        tags=["jobs"],
        status_code=204,
        summary="Stop a job, and remove its slide and its result",
    )
    async def delete(id: _ID) -> Response:
        await runner.remove(runner.store.get(id))
        return Response(status_code=204)


def _add_errors(app: FastAPI) -> None:
    """Errors become answers here, before FastAPI answers in its own way."""

    async def named(request: Request, error: Exception) -> Response:
        if not isinstance(error, SlowClientError | BrokenUploadError):
            await drain(request.scope, request.receive)
        return answer(error)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        await drain(request.scope, request.receive)
        return answer(JobRequestError(_first(error.errors())))

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        await drain(request.scope, request.receive)
        values = {"error": "HttpError", "message": printable(error.detail, 200)}
        return as_json(values, error.status_code, error.headers)

    async def fault(request: Request, error: Exception) -> Response:
        return answer(HrpnError("a fault of the service; its log says more"))

    app.add_exception_handler(HrpnError, named)
    app.add_exception_handler(OSError, named)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, fault)


async def _events(job: Job, runner: Runner) -> AsyncIterator[str]:
    """States of a job until it is done, removed, or the service stops."""
    told, silent = -1, 0.0
    while True:
        if job.version != told:
            told, silent = job.version, 0.0
            yield f"data: {json.dumps(_shown(job, runner))}\n\n"
        if not job.is_open or runner.store.stopping or not runner.store.knows(job):
            return
        await asyncio.sleep(_EVENT_SECONDS)
        silent += _EVENT_SECONDS
        if silent > _HEARTBEAT_SECONDS:  # so that proxies keep the connection
            silent = 0.0
            yield ": still there\n\n"


def _accepted(job: Job, runner: Runner) -> Response:
    status = 202 if job.is_open else 200
    return as_json(_shown(job, runner), status, {"Location": f"/v1/jobs/{job.id}"})


def _shown(job: Job, runner: Runner) -> dict[str, Any]:
    values = job.shown()
    if job.record.state == "queued":
        values["ahead"] = runner.store.ahead_of(job)
    return values


def _wish(**values: Any) -> Wish:
    """A wish of query parameters.

    Raises:
        JobRequestError: one is impossible.
    """
    try:
        return Wish(**values)
    except ValidationError as error:
        raise JobRequestError(_first(error.errors())) from None


def _first(problems: Any) -> str:
    """The first of several problems in one line."""
    where = ".".join(str(part) for part in problems[0]["loc"] if part not in ("body", "query"))
    text = str(problems[0]["msg"]).removeprefix("Value error, ")
    return printable(f"{where}: {text}" if where else text, 300)


def _length(request: Request) -> int | None:
    text = request.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdecimal() else None
