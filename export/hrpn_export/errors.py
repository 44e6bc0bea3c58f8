"""The named errors of the export library; each message is one line."""


class BundleError(Exception):
    """Base of all errors of this library."""

    exit_code = 1


class ContractError(BundleError):
    """What is given to a model does not fit what its contract asks for."""

    exit_code = 2
