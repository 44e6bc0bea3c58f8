"""A training profile as a file: arrays of numbers and texts, nothing that could run."""

import math
import zipfile
from pathlib import Path

import numpy as np

from hrpn_tf.errors import TrainingProfileError
from hrpn_tf.evaluation.out_of_distribution.feature_space import FeatureSpace
from hrpn_tf.evaluation.out_of_distribution.profile import TrainingProfile
from hrpn_tf.evaluation.out_of_distribution.statistics import QUANTILES
from hrpn_tf.files import atomic_path

_SCHEMA = 1
# An untrusted file may unpack to any size; a thousand slides take a few megabytes.
_LARGEST = 64 * 2**20
_LONGEST_HEADER = 10_000


def save_profile(profile: TrainingProfile, path: Path) -> None:
    """Write a profile, in place of an older one.

    Raises:
        DiskFullError: the disk filled up.
    """
    space = profile.space or FeatureSpace(np.zeros(0), np.zeros((0, 0)))
    with atomic_path(path, overwrite=True) as temporary:
        np.savez_compressed(
            temporary,
            schema=np.array(_SCHEMA),
            channels=np.array(profile.channels),
            slides=np.array(profile.slides),
            groups=np.array(profile.groups),
            window_px=np.array(profile.window_px),
            quantiles=profile.quantiles.astype(np.float32),
            structure_px=profile.structure_px.astype(np.float32),
            feature_mean=space.mean.astype(np.float32),
            feature_whitening=space.whitening.astype(np.float32),
            grey_limits=profile.grey_limits,
            structure_limits=profile.structure_limits,
            feature_limit=np.array(profile.feature_limit),
            noise=profile.noise,
            noise_limits=profile.noise_limits,
            windows=profile.windows,
        )


def load_profile(path: Path) -> TrainingProfile:
    """Read what :func:`save_profile` wrote.

    Raises:
        TrainingProfileError: missing, damaged, or of another schema.
    """
    again = "make it again with hrpn-tf describe-training"
    try:
        with path.open("rb") as stream, zipfile.ZipFile(stream) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > _LARGEST:
                raise TrainingProfileError(f"{path}: holds more than {_LARGEST} bytes; {again}")
            arrays = {
                entry.filename.removesuffix(".npy"): _array(archive, entry)
                for entry in archive.infolist()
            }
        if int(arrays["schema"]) != _SCHEMA:
            raise TrainingProfileError(f"{path}: of another schema than {_SCHEMA}; {again}")
        profile = _profile(arrays)
        _check(profile)
    except OSError as error:
        reason = error.strerror or "not a profile"
        raise TrainingProfileError(f"{path}: cannot be read ({reason}); {again}") from None
    except TrainingProfileError:
        raise
    except Exception as error:  # zipfile, zlib and NumPy raise errors of many types
        raise TrainingProfileError(f"{path}: damaged; {again}") from error
    return profile


def _array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> np.ndarray:
    """One array of numbers or texts, whose header may declare any size.

    Raises:
        ValueError: it declares another size than its bytes have, or is a pickle: a program.
    """
    with archive.open(entry) as file:
        version = np.lib.format.read_magic(file)
        if version != (1, 0):
            raise ValueError("an array of another version")
        shape, _, kind = np.lib.format.read_array_header_1_0(file, max_header_size=_LONGEST_HEADER)
        size = math.prod(shape) * kind.itemsize
        if kind.hasobject or min(shape, default=0) < 0 or file.tell() + size != entry.file_size:
            raise ValueError("another size than declared")
    with archive.open(entry) as file:
        array: np.ndarray = np.lib.format.read_array(file, allow_pickle=False)
    return array


def _profile(arrays: dict[str, np.ndarray]) -> TrainingProfile:
    def names(key: str) -> tuple[str, ...]:
        return tuple(map(str, arrays[key].reshape(-1)))

    def numbers(key: str) -> np.ndarray:
        return np.asarray(arrays[key], np.float64)

    space = FeatureSpace(numbers("feature_mean"), numbers("feature_whitening"))
    slides, channels = names("slides"), names("channels")
    unknown = np.full((len(slides), len(channels)), np.nan)  # in a file of an earlier version
    return TrainingProfile(
        channels=channels,
        slides=slides,
        groups=names("groups"),
        window_px=int(arrays["window_px"]),
        quantiles=numbers("quantiles"),
        structure_px=numbers("structure_px"),
        space=space if len(space.mean) else None,
        grey_limits=numbers("grey_limits"),
        structure_limits=numbers("structure_limits"),
        feature_limit=float(arrays["feature_limit"]),
        noise=numbers("noise") if "noise" in arrays else unknown,
        noise_limits=numbers("noise_limits") if "noise_limits" in arrays else unknown[0],
        windows=np.asarray(arrays.get("windows", np.zeros(len(slides))), np.int64),
    )


def _check(profile: TrainingProfile) -> None:
    """Refuse shapes that do not fit together, and values that no slide has."""
    slides, channels = len(profile.slides), len(profile.channels)
    expected = {
        "quantiles": (profile.quantiles, (slides, channels, QUANTILES)),
        "structure_px": (profile.structure_px, (slides, channels)),
        "grey_limits": (profile.grey_limits, (channels,)),
        "structure_limits": (profile.structure_limits, (channels,)),
        "noise": (profile.noise, (slides, channels)),
        "noise_limits": (profile.noise_limits, (channels,)),
        "windows": (profile.windows, (slides,)),
    }
    if space := profile.space:
        side = len(space.mean)
        expected["feature_mean"] = (space.mean, (side,))
        expected["feature_whitening"] = (space.whitening, (side, side))
    wrong = [name for name, (array, shape) in expected.items() if array.shape != shape]
    if wrong or not slides or not channels or len(profile.groups) != slides:
        raise ValueError(", ".join(wrong))
    finite = [profile.quantiles, *([space.mean, space.whitening] if space else [])]
    each = (profile.grey_limits, profile.structure_limits, profile.noise_limits)
    limits = np.concatenate([*each, [profile.feature_limit]])
    sound = all(np.isfinite(array).all() for array in finite) and not (limits <= 0).any()
    if not sound or not 1 <= profile.window_px <= 4096 or (profile.windows < 0).any():
        raise ValueError("values out of range")
