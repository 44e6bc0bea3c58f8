"""Packages that not every installation has, and the line that installs them.

What one command alone needs is an extra of ``setup.cfg``; an environment for prediction alone
(``requirements/predict.txt``) lacks packages of the others, too. A command calls :func:`require`
before it begins, and whatever is imported later without being there becomes one line, too
(:func:`named`).
"""

from importlib.util import find_spec

from hrpn_export.errors import install_line

from hrpn_tf.errors import MissingPackageError

__all__ = ["COMPLETE", "EXTRAS", "install_line", "installed", "named", "require"]

# Module: the extra that installs it.
EXTRAS = {
    "pyamg": "simulate",
    "distributed": "cluster",
    "dask": "cluster",
    "cryptography": "cluster",
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "tf2onnx": "onnx",
    "ai_edge_litert": "litert",
    "ai_edge_quantizer": "litert",
    "openvino": "openvino",
    "pynvml": "gpu",
    "torch": "torch",
    "pooch": "weights",
    "pyarrow": "parquet",
    "spatialdata": "spatialdata",
    "bioio": "bioio",
    "fastapi": "serve",
    "uvicorn": "serve",
    "napari": "napari",
    "qtpy": "napari",
    "monai": "bench",
}
# Modules that `pip install hrpn-tf` brings, and that an environment for prediction alone lacks.
COMPLETE = {
    "cv2": "opencv-python-headless",
    "h5py": "h5py",
    "keras": "keras",
    "numcodecs": "numcodecs",
    "sklearn": "scikit-learn",
    "tensorboard": "tensorboard",
    "tensorflow": "tensorflow",
    "threadpoolctl": "threadpoolctl",
    "zarr": "zarr",
}


def installed(module: str) -> bool:
    """Whether a module can be found; it is not imported."""
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # refused, or None in sys.modules: importing it is an error
        return False


def require(what: str, *modules: str) -> None:
    """Refuse to begin without the packages of an extra; none of them is imported.

    Args:
        what: what needs them, the beginning of the message.
        modules: their modules, in ``EXTRAS`` or ``COMPLETE``.

    Raises:
        MissingPackageError: one is not installed; says what to type.
    """
    for module in modules:
        if not installed(module):
            raise MissingPackageError(f"{what} needs {_missing(module)}")


def named(error: ModuleNotFoundError) -> MissingPackageError | None:
    """The error of a package that not every installation has; None for any other module."""
    module = (error.name or "").partition(".")[0]
    if module not in EXTRAS and module not in COMPLETE:
        return None
    return MissingPackageError(f"this needs {_missing(module)}")


def _missing(module: str) -> str:
    package = COMPLETE.get(module, module)
    return f"{package}, which is not installed; type: {install_line(EXTRAS.get(module))}"
