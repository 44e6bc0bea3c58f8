"""The named errors of the benchmarks. Each message is one line."""

from hrpn_export.errors import BundleError


class BenchmarkError(BundleError):
    """Base of all errors of the benchmarks."""


class PlanError(BenchmarkError):
    """A plan has an unknown key or a value out of range, or leaves nothing to measure."""

    exit_code = 2


class ReportError(BenchmarkError):
    """A report exists already, or one to read is missing, damaged or incompatible."""

    exit_code = 2


class RegressionError(BenchmarkError):
    """A measure became worse by more than the threshold allows."""


class InstrumentError(BenchmarkError):
    """A counter cannot be read on this machine. A row quotes the message as the reason."""
