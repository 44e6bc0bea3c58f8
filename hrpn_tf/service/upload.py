"""Uploads: from the network to the disk in pieces, never whole in memory."""

import asyncio
import hashlib
import os
import shutil
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import BinaryIO

from starlette.requests import ClientDisconnect

from hrpn_tf.errors import (
    BrokenUploadError,
    DiskFullError,
    ServiceStoppingError,
    SlowClientError,
    UploadTooLargeError,
)
from hrpn_tf.files import disk_full_as_named_error
from hrpn_tf.service.settings import PIECE_BYTES, Limits

_BUFFER = 256 * 1024  # bytes of each upload that are held in memory
_TICK = 1.0  # s between two looks at whether the service is stopping


async def receive(
    stream: AsyncIterator[bytes],
    path: Path,
    *,
    length: int | None,
    limits: Limits,
    stopping: Callable[[], bool],
) -> str:
    """Write an upload to a file, which is on the disk when this returns.

    Args:
        stream: body of the request.
        path: of the new file; the caller removes it after an error.
        length: bytes that the client announced; None if it did not.
        limits: size and speed.
        stopping: whether the service is stopping.

    Returns:
        SHA-256 of the file, as hexadecimal text.

    Raises:
        UploadTooLargeError, SlowClientError: a limit is exceeded.
        BrokenUploadError: the client went away, or sent nothing.
        DiskFullError: the disk is full.
        ServiceStoppingError: the service is stopping.
    """
    _refuse_large(length, limits)
    _refuse_full(length, path)
    pieces = _in_time(stream, limits.client_seconds, stopping)
    checksum, size, buffer = hashlib.sha256(), 0, bytearray()
    with disk_full_as_named_error(path, "the upload was removed; make room on the server"):
        file = await asyncio.to_thread(path.open, "xb")
        try:
            async for piece in pieces:
                size += len(piece)
                _refuse_large(size, limits)
                buffer += piece
                if len(buffer) >= _BUFFER:
                    await asyncio.to_thread(_write, file, checksum, bytes(buffer))
                    buffer.clear()
            await asyncio.to_thread(_write, file, checksum, bytes(buffer), last=True)
        except ClientDisconnect:
            raise BrokenUploadError(f"the client went away after {size} bytes") from None
        finally:
            file.close()
    if size == 0:
        raise BrokenUploadError("the upload is empty; send the file as the body of the request")
    return checksum.hexdigest()


async def _in_time(
    stream: AsyncIterator[bytes], seconds: float, stopping: Callable[[], bool]
) -> AsyncIterator[bytes]:
    """The pieces of a body, of which enough must come in each period."""
    due, missing = time.monotonic() + seconds, PIECE_BYTES
    # the same request for a piece goes on until it is there: to cancel it would lose the piece
    coming: asyncio.Future[bytes] | None = None
    try:
        while True:
            coming = asyncio.ensure_future(anext(stream))
            while not (await asyncio.wait([coming], timeout=_TICK))[0]:
                if stopping():
                    raise ServiceStoppingError("the service is stopping; send it again later")
                if time.monotonic() > due:
                    raise SlowClientError(
                        f"less than {PIECE_BYTES // 2**20} MiB came within {seconds:g} s; the "
                        "upload was removed"
                    )
            try:
                piece = coming.result()
            except StopAsyncIteration:
                return
            missing -= len(piece)
            if missing <= 0:
                due, missing = time.monotonic() + seconds, PIECE_BYTES
            elif time.monotonic() > due:
                raise SlowClientError(
                    f"less than {PIECE_BYTES // 2**20} MiB came within {seconds:g} s; the upload "
                    "was removed"
                )
            yield piece
    finally:
        if coming is not None and not coming.done():
            coming.cancel()


def _write(file: BinaryIO, checksum: "hashlib._Hash", data: bytes, last: bool = False) -> None:
    checksum.update(data)
    file.write(data)
    if last:
        file.flush()
        os.fsync(file.fileno())


def _refuse_large(size: int | None, limits: Limits) -> None:
    if size is not None and size > limits.upload_bytes:
        raise UploadTooLargeError(
            f"more than {limits.upload_bytes} bytes, which is the most that this service takes "
            "(--max-upload)"
        )


def _refuse_full(length: int | None, path: Path) -> None:
    """Refuse an upload that does not fit on the disk before it is sent."""
    if length is not None and length > (free := shutil.disk_usage(path.parent).free):
        raise DiskFullError(
            f"{path.name}: the upload of {length} bytes does not fit on the server's disk, which "
            f"has {free} left"
        )
