"""The table of runtimes."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

from hrpn_export.errors import FormatError, MissingRuntimeError, install_line
from hrpn_export.session import Session

# (file or folder, contract, device, threads); of a SavedModel also the name of a signature
Opener = Callable[..., Session]


@dataclass(frozen=True)
class Runtime:
    """One row of the table.

    Attributes:
        name: name in certificates and in Python.
        session: ``module:class``; imported when a file is opened.
        package: module that it needs.
        distribution: name of the package on PyPI, for its version.
        extra: extra of ``hrpn-tf`` that installs it; None for a package of ``hrpn-tf`` itself,
            which environments for prediction alone lack.
        devices: supported devices, the usual one first; ``cuda`` may be followed by ``:NUMBER``.
        precisions: precisions with correct results; None for all.
        here: whether it computes in this process, so that its memory can be measured.
        loader: ``module:function`` that imports the package; None to import it as it is.
    """

    name: str
    session: str
    package: str
    distribution: str
    extra: str | None
    devices: tuple[str, ...] = ("cpu",)
    precisions: tuple[str, ...] | None = None
    here: bool = True
    loader: str | None = None

    @property
    def installed(self) -> bool:
        """Whether its package is installed."""
        try:
            return find_spec(self.package) is not None
        except ModuleNotFoundError:  # of a package that this one is in, or from a finder
            return False

    def runs(self, precision: str) -> bool:
        """Whether it gives correct results in a precision."""
        return self.precisions is None or precision in self.precisions

    def load(self) -> None:
        """Import its package.

        Raises:
            Exception: whatever a package raises that cannot be loaded here.
        """
        if self.loader is None:
            importlib.import_module(self.package)
        else:
            module, name = self.loader.split(":")
            getattr(importlib.import_module(module), name)()

    def opener(self) -> Opener:
        """The class or function that opens a file or folder.

        Raises:
            MissingRuntimeError: its package is not installed; says how to install it.
        """
        if not self.installed:
            raise MissingRuntimeError(f"{self.name} is not installed: {install_line(self.extra)}")
        module, name = self.session.split(":")
        found: Opener = getattr(importlib.import_module(module), name)
        return found


_ROWS: tuple[Runtime, ...] = (
    Runtime(
        name="keras",
        session="hrpn_export.runtimes.keras_file:open_keras",
        package="keras",
        distribution="keras",
        extra=None,
        devices=("cpu", "cuda"),
    ),
    Runtime(
        name="tensorflow",
        session="hrpn_export.runtimes.saved_model:SavedModelSession",
        package="tensorflow",
        distribution="tensorflow",
        extra=None,
        devices=("cpu", "cuda"),
    ),
    Runtime(
        name="onnxruntime",
        session="hrpn_export.runtimes.onnx_runtime:OnnxSession",
        package="onnxruntime",
        distribution="onnxruntime",
        extra="onnx",
        devices=("cpu", "cuda", "tensorrt"),
        precisions=("fp32", "fp16", "int8"),  # it has no convolution in bfloat16
    ),
    Runtime(
        name="openvino",
        session="hrpn_export.runtimes.openvino:OpenVinoSession",
        package="openvino",
        distribution="openvino",
        extra="openvino",
        loader="hrpn_export.runtimes.openvino:load_openvino",
    ),
    Runtime(
        name="litert",
        session="hrpn_export.runtimes.litert:LiteRtSession",
        package="ai_edge_litert",
        distribution="ai-edge-litert",
        extra="litert",
    ),
    Runtime(
        name="tensorrt",
        session="hrpn_export.runtimes.tensorrt:TensorRtSession",
        package="cuda",
        distribution="tensorrt-rtx",
        extra="trt",
        devices=("cuda",),
    ),
    Runtime(
        name="browser",
        session="hrpn_export.runtimes.browser:BrowserSession",
        package="playwright",
        distribution="playwright",
        extra="web",
        here=False,
    ),
)
RUNTIMES: dict[str, Runtime] = {row.name: row for row in _ROWS}


def find_runtime(name: str) -> Runtime:
    """Find the row of a runtime.

    Raises:
        FormatError: there is no such runtime.

    Example:
        >>> find_runtime("litert").devices
        ('cpu',)
    """
    if name not in RUNTIMES:
        raise FormatError(f"no runtime {name}; there are {', '.join(RUNTIMES)}")
    return RUNTIMES[name]
