"""The named errors of the benchmarks; each message is one line."""

from hrpn_export.errors import BundleError


class BenchmarkError(BundleError):
    """Base of all errors of the benchmarks."""


class PlanError(BenchmarkError):
    """A plan that cannot be: an unknown key, a value out of range, nothing to measure."""

    exit_code = 2


class ReportError(BenchmarkError):
    """A report is there already, or one to compare with is damaged or of another kind."""

    exit_code = 2


class RegressionError(BenchmarkError):
    """Something got slower or larger than the threshold allows."""


class InstrumentError(BenchmarkError):
    """A counter that cannot be read here; the message is the reason that a row gives."""
