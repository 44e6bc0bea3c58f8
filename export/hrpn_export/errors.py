"""The named errors of the export library. Each message is one line."""


class BundleError(Exception):
    """Base of all errors of this library.

    Messages may quote files, so characters that do not print are replaced by blanks.
    """

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__("".join(c if c.isprintable() else " " for c in message))


class ContractError(BundleError):
    """An input, or another value, does not fit the contract of a model."""

    exit_code = 2


class FormatError(BundleError):
    """A format, precision, runtime or device does not exist, or is not in the bundle."""

    exit_code = 2


def install_line(extra: str | None) -> str:
    """What to type for an extra of ``hrpn-tf``; for None, for what every installation has.

    An environment for prediction alone lacks packages that every other one has.

    Example:
        >>> install_line("simulate")
        "pip install 'hrpn-tf[simulate]'"
    """
    return f"pip install 'hrpn-tf[{extra}]'" if extra else "pip install hrpn-tf"


class MissingRuntimeError(BundleError):
    """A package that a format needs is not installed; says how to install it."""

    exit_code = 2


class DamagedBundleError(BundleError):
    """The bundle is incomplete, changed or of a newer schema, or refers to a path outside it."""


class NoBundleError(DamagedBundleError):
    """There is no bundle at this path."""

    exit_code = 2


class BundleExistsError(BundleError):
    """A file or folder with the name of the bundle exists already."""

    exit_code = 2


class QuantisationError(BundleError):
    """The calibration set is empty, constant, not finite, or does not fit the contract."""


class ExportError(BundleError):
    """A converter refused the model, or ran out of disk space."""


class CertificateError(BundleError):
    """A format misses its limit of agreement with the Keras model, or was not measured."""


class SessionError(BundleError):
    """A runtime failed while it ran a model: the file is wrong within, or memory is short."""


class DeviceMemoryError(SessionError):
    """A device ran out of memory while it ran a model; says what would need less."""


class EngineError(BundleError):
    """An engine does not fit the installed TensorRT, this GPU, or its sidecar; or it failed."""
