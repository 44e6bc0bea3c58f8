"""The named errors of the package.

Every error that a user can cause is one of these. The message is one line that says what is wrong,
where, and what to do; the command line prints it to standard error without a traceback and exits
with ``exit_code`` (2: the request cannot be carried out as asked, 1: it failed on the way).
"""


class HrpnError(Exception):
    """Base of all errors that a user can cause."""

    exit_code = 1


class UsageError(HrpnError):
    """What was asked for contradicts itself or names something that is not there."""

    exit_code = 2


class MissingPackageError(UsageError):
    """A package that this needs is not installed: it comes with an extra, or is left out here."""


class WrongKindError(UsageError):
    """A path holds another kind of thing than the command takes, e.g. a slide list for a run."""


# Slides


class SlideNotFoundError(UsageError):
    """The path of a slide does not exist."""


class SlideFormatError(HrpnError):
    """The file is no image of a supported kind, or it is truncated or malformed."""


class RgbSlideError(SlideFormatError):
    """An RGB (brightfield or rendered) image where separate fluorescence channels are wanted."""


class DepthError(SlideFormatError):
    """The slide is a stack, of which no plane is chosen, or one that it does not have.

    Attributes:
        planes: of the stack; 0 if they were not counted.
    """

    exit_code = 2

    def __init__(self, message: str, planes: int = 0) -> None:
        super().__init__(message)
        self.planes = planes


class UnknownChannelError(UsageError):
    """The slide has no channel of this name or index."""


class ChannelSizeError(SlideFormatError):
    """The channels of one slide differ in height, width or type."""


class PixelSizeError(UsageError):
    """The slide states no pixel size, or one that does not fit the model."""


class NonFinitePixelsError(SlideFormatError):
    """The slide holds NaN or infinite pixels."""


class RegionError(UsageError):
    """A region that does not lie within the slide."""


class MaskError(UsageError):
    """The mask cannot be read, or does not lie on the slide."""


class VesselsError(UsageError):
    """A slide shows no vessel, or nothing but vessel."""


class SlideChangedError(HrpnError):
    """The files of the slide changed or vanished while it was read."""


class StalledError(HrpnError):
    """Reading or writing made no progress within the time limit."""


# Data


class SlideListError(UsageError):
    """The slide list cannot be read, or misses a column."""


class NoSlidesListedError(UsageError):
    """None of the images in a folder can be proposed as a slide."""


class SlideTooSmallError(UsageError):
    """The slide is smaller than one patch."""


class SimulationFailedError(HrpnError):
    """Slides that a training waits for cannot be simulated."""


class NoTissueError(HrpnError):
    """The slide, or each patch of it, is without tissue."""


class ConstantChannelError(HrpnError):
    """A channel does not vary over the tissue, so that it cannot be normalised."""


class SplitError(UsageError):
    """The groups do not allow the split that is asked for."""


class StoreError(HrpnError):
    """The patch dataset is missing, incomplete or of another version."""


class StoreNotFoundError(StoreError):
    """There is no patch dataset at this path."""

    exit_code = UsageError.exit_code


# Configuration, runs, models


class ConfigError(UsageError):
    """The configuration has an unknown key or a value out of range."""


class BackendError(UsageError):
    """Keras cannot compute with the framework that is asked for."""


class RunError(UsageError):
    """The run folder misses something, or belongs to another configuration."""


class FinishedRunError(RunError):
    """The training is finished; it is not trained further."""


class TrainingProfileError(HrpnError):
    """The training profile of a run or a bundle is damaged."""


class OutputExistsError(UsageError):
    """The output exists already, and ``--overwrite`` was not given."""


class CheckpointError(HrpnError):
    """A checkpoint cannot be loaded into the model."""


class CheckpointNotFoundError(CheckpointError):
    """There is no checkpoint at this path."""

    exit_code = UsageError.exit_code


class ForeignCheckpointError(CheckpointError):
    """A checkpoint of another network: going back to an earlier one would not help."""


class NoNetworkError(UsageError):
    """There is no trained network where one was named."""


class UnknownWeightsError(UsageError):
    """There are no weights of this name, or they are not on this machine."""


class WeightsError(HrpnError):
    """Weights are damaged, of another version, or cannot be made of what was named."""


class DownloadError(HrpnError):
    """Weights cannot be fetched."""


class ChecksumError(DownloadError):
    """What was fetched is not what its checksum says."""


class StartError(UsageError):
    """A training cannot start from the network that was named."""


class NonFinitePredictionError(HrpnError):
    """The network gives NaN or infinite values for finite pixels."""


class ConstantTargetError(HrpnError):
    """The target does not vary where intervals are to be calibrated."""


class CalibrationSlidesError(UsageError):
    """Too few slides for the coverage that is asked for, or slides that must not calibrate."""


class CandidateError(UsageError):
    """A slide that cannot be ranked by what it would teach, such as one that the run has used."""


class CalibrationError(UsageError):
    """There is no calibrated network, or it belongs to another one than the run's."""


class MissingPredictionError(UsageError):
    """A slide that is to be evaluated was not predicted."""


class SlideMismatchError(UsageError):
    """A predicted and a measured slide do not lie on the same pixels."""


class AnchorError(UsageError):
    """A prediction cannot be scaled to what was measured, or what was measured is no such value."""


class MemoryBudgetError(UsageError):
    """The prediction does not fit into the memory that it may take."""


class UnfinishedError(UsageError):
    """What was begun earlier belongs to another network, input or configuration, or is damaged."""


class TwinError(UsageError):
    """A run has no twin of its network, or one that is damaged or of an earlier network."""


class UncertifiedError(HrpnError):
    """An exported format misses its limit of agreement with the network; the others are done."""


class SomeSlidesFailedError(HrpnError):
    """Some slides of several failed; the others are done."""


class TrainingDivergedError(HrpnError):
    """The loss became NaN or infinite."""


class WorkerLostError(HrpnError):
    """Another process of a training over several, or of a cluster, is gone."""


class DisplayError(HrpnError):
    """No window can be opened here: there is no display, or it has no OpenGL."""


class ClusterError(HrpnError):
    """A cluster cannot be used, or lost what it was computing."""


class RunBusyError(UsageError):
    """Another process is at work in the same run folder or on the same result."""


class DiskFullError(HrpnError):
    """The disk filled up while writing; nothing half-written was left under the final name."""


class ModelGraphError(HrpnError):
    """A property cannot be read off a model's graph, or the graph does not fit together."""


# Service (hrpn-tf serve)


class ServiceError(HrpnError):
    """A service cannot start, or its network cannot be loaded."""


class TokenError(UsageError):
    """A request has no token, or a wrong one; or a service has none that it needs."""


class ForeignRequestError(UsageError):
    """A request that the page of another site sent, or that was sent to another name."""


class ForbiddenPathError(UsageError):
    """A path outside the folders that a service may read."""


class JobRequestError(UsageError):
    """A request for a prediction that says something impossible."""


class JobNotFoundError(UsageError):
    """There is no job of this name."""


class JobNotDoneError(UsageError):
    """The job has no result yet."""


class TooManyJobsError(UsageError):
    """As many jobs wait as the service keeps waiting."""


class UploadTooLargeError(UsageError):
    """An upload is larger than the service takes."""


class BrokenUploadError(HrpnError):
    """An upload ended before all of it was there."""


class SlowClientError(HrpnError):
    """A client sent too little in too long a time."""


class JobTimeoutError(HrpnError):
    """A prediction took longer than the service allows."""


class ServiceStoppingError(HrpnError):
    """The service is stopping, or not ready yet."""
