"""The memory that a network takes, measured once for a machine and remembered.

To measure it, a prediction runs two tiles before its first one; with what is remembered, only the
small one of them. The memory of the process itself is measured every time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hrpn_tf.workflows.networks.auto import identity
from hrpn_tf.workflows.networks.network import Network
from hrpn_tf.workflows.networks.remembered import key_of, recall_memory, remember_memory

if TYPE_CHECKING:
    from hrpn_export import Session

# They take the same memory in every process; TensorFlow's depends on what it has run before.
_RUNTIMES = ("onnxruntime", "openvino")


@contextmanager
def remembered_memory(network: Network, session: "Session") -> Iterator[None]:
    """Give the session what is remembered of its memory, and keep what is measured within.

    Args:
        network: the network, which may run in any runtime.
        session: of this network, on all usable cores.
    """
    from hrpn_tf.prediction.probe import expect, measured

    if network.ran_by() not in _RUNTIMES or getattr(network, "device", "cpu") != "cpu":
        yield
        return
    bounds = " with intervals" if getattr(network, "intervals", False) else ""
    key = {**key_of([identity(network)]), "of": f"memory{bounds}"}
    if (known := recall_memory(key)) is not None:
        expect(session, known)
    yield
    if (found := measured(session)) is not None:
        remember_memory(key, found)
