"""Settings of a service."""

import ipaddress
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hrpn_tf.errors import TokenError, UsageError
from hrpn_tf.untrusted import read_text

TOKEN_VARIABLE = "HRPN_TOKEN"
_SHORTEST_TOKEN = 16
_MIB = 2**20


@dataclass(frozen=True)
class Limits:
    """How much a service takes on.

    Attributes:
        upload_bytes: largest upload.
        jobs: jobs and uploads that wait or run at once.
        seconds: longest prediction of one job, s.
        client_seconds: longest wait for the next :data:`PIECE_BYTES` of an upload, s.
        keep_days: age at which finished jobs are removed; None to keep them.
        grace_seconds: time to finish the running tile when the service is stopped, s.
    """

    upload_bytes: int = 16 * 2**30
    jobs: int = 100
    seconds: float = 3600.0
    client_seconds: float = 60.0
    keep_days: float | None = None
    grace_seconds: float = 20.0


# An upload must bring this much in each `client_seconds`: 17 kB/s with the default.
PIECE_BYTES = _MIB


@dataclass(frozen=True)
class ServiceSettings:
    """A service: its network, its folders, its address and its limits.

    Attributes:
        network: arguments of ``bundle_candidates`` by name; ``folder`` is absolute.
        jobs: folder of the jobs, absolute.
        host, port: address to listen on; port 0 is any free one.
        token: that every request must bear; None for none.
        allow: folders whose slides may be named by path, resolved.
        max_ram: memory of the server and of all its processes together, bytes; None for no limit.
        workers: processes that predict at once.
        overrides: overrides of the configuration, ``prediction.key=value``.
        limits: how much it takes on.
    """

    network: dict[str, Any]
    jobs: Path
    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = None
    allow: tuple[Path, ...] = ()
    max_ram: int | None = None
    workers: int = 1
    overrides: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)

    def check(self) -> None:
        """Refuse settings that would open the service to strangers, or that contradict each other.

        Raises:
            TokenError: it listens to other machines without a token.
            UsageError: an allowed folder is missing, or the result would be no OME-TIFF.
        """
        if self.token is None and not is_loopback(self.host):
            raise TokenError(
                f"--host {self.host}: other machines could send jobs; give --token-file FILE, or a "
                f"token in the environment variable {TOKEN_VARIABLE}"
            )
        for folder in self.allow:
            if not folder.is_dir():
                raise UsageError(f"--allow {folder}: no such folder")
        if self.jobs.is_relative_to(self.network["folder"]):
            raise UsageError(f"--jobs {self.jobs}: lies within the bundle; name another folder")
        for override in self.overrides:
            key = override.partition("=")[0]
            if not key.startswith("prediction."):
                raise UsageError(f"--set {override}: only prediction.* can be changed")
            if key in ("prediction.format", "prediction.max_ram"):
                raise UsageError(
                    f"--set {override}: results are OME-TIFF, and --max-ram sets the memory"
                )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address.

    Example:
        >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("0.0.0.0")
        (True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def read_token(file: Path | None) -> str | None:
    """The token that is in a file, or else in the environment; None if there is neither.

    Raises:
        TokenError: it is too short to be a secret, does not fit a header, or others can read the
            file.
    """
    if file is not None:
        text = read_text(file, TokenError, 4096).strip()
        if file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise TokenError(f"{file}: others can read this token; change it with: chmod 600")
    else:
        text = os.environ.get(TOKEN_VARIABLE, "").strip()
        if not text:
            return None
    where = str(file or TOKEN_VARIABLE)
    if len(text) < _SHORTEST_TOKEN:
        raise TokenError(
            f"{where}: a token of {len(text)} characters can be guessed; make one with: "
            "openssl rand -hex 32"
        )
    if not text.isascii() or not text.isprintable() or " " in text:
        raise TokenError(f"{where}: a token is made of printable ASCII characters without blanks")
    return text
