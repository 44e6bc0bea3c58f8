"""TensorRT engines from ONNX: two builders behind one interface, and the sidecar of an engine.

``python -m hrpn_export.tensorrt model.onnx --out model.engine`` builds an engine on the machine
that will run it. Nothing here needs TensorFlow, and TensorRT is imported when it is used.
"""

from hrpn_export.tensorrt.sidecar import Sidecar, read_sidecar, sidecar_of
from hrpn_export.tensorrt.write import Wanted, write_engine

__all__ = ["Sidecar", "Wanted", "read_sidecar", "sidecar_of", "write_engine"]
