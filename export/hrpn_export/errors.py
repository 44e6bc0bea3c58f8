"""The named errors of the export library; each message is one line."""


class BundleError(Exception):
    """Base of all errors of this library.

    Messages quote what files hold: whatever would not print stands there as a blank.
    """

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__("".join(c if c.isprintable() else " " for c in message))


class ContractError(BundleError):
    """What is given to a model does not fit what its contract asks for."""

    exit_code = 2


class FormatError(BundleError):
    """A format, precision, runtime or device that does not exist or is not in the bundle."""

    exit_code = 2


class MissingRuntimeError(BundleError):
    """A package that a format needs is not installed; names the extra that brings it."""

    exit_code = 2


class DamagedBundleError(BundleError):
    """The bundle is incomplete, changed, of a newer schema, or names a path outside itself."""


class BundleExistsError(BundleError):
    """Something is there already under the name of the bundle."""

    exit_code = 2


class CalibrationError(BundleError):
    """The calibration set is empty, constant, not finite, or does not fit the contract."""


class ExportError(BundleError):
    """A converter refused the model or ran out of disk."""


class CertificateError(BundleError):
    """A format misses its limit of agreement with the Keras model, or was never measured."""


class EngineError(BundleError):
    """An engine is for another TensorRT version, compute capability or file than this one."""
