"""A network whose predictions can be stopped between two tiles."""

import threading
from dataclasses import dataclass, field
from types import FrameType
from typing import TYPE_CHECKING

from hrpn_tf.workflows.networks.bundle import BundleNetwork

if TYPE_CHECKING:
    import numpy as np
    from hrpn_export import Contract, Session


class StopRequested(BaseException):
    """The service is stopping, and the running tile is finished."""


class Stop:
    """Whether the process was asked to end."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.busy = False

    def on_signal(self, signum: int, frame: FrameType | None) -> None:
        """Handle SIGTERM."""
        if not self.busy or self.asked.is_set():
            raise SystemExit(0)
        self.asked.set()

    def check(self) -> None:
        """Raise if a stop was requested; called between tiles.

        Raises:
            StopRequested: the process was asked to end.
        """
        if self.asked.is_set():
            raise StopRequested


class StoppableSession:
    """A session that ends between two tiles once the process was asked to end."""

    def __init__(self, session: "Session", stop: Stop) -> None:
        from hrpn_export.session import largest_side

        self._session, self._stop = session, stop
        self.contract: Contract = session.contract
        self.largest_side = largest_side(session)

    def __call__(self, batch: "np.ndarray") -> "np.ndarray":
        """Predict one batch; see ``Session``."""
        self._stop.check()
        return self._session(batch)


@dataclass(frozen=True)
class ServedNetwork(BundleNetwork):
    """A bundle whose predictions can be stopped between two tiles."""

    stop: Stop | None = field(default=None, compare=False)

    def load(self, threads: int | None) -> "Session":
        """See ``Network``."""
        session = super().load(threads)
        return session if self.stop is None else StoppableSession(session, self.stop)
