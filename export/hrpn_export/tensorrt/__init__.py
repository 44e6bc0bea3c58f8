"""ONNX to TensorRT engines: two builders behind one interface, and what is said beside an engine.

``python -m hrpn_export.tensorrt model.onnx --out model.engine`` builds one on the machine that will
run it. Nothing here needs TensorFlow, and nothing imports TensorRT before it is used.
"""

from hrpn_export.tensorrt.sidecar import Sidecar, read_sidecar, sidecar_of
from hrpn_export.tensorrt.write import Wanted, write_engine

__all__ = ["Sidecar", "Wanted", "read_sidecar", "sidecar_of", "write_engine"]
