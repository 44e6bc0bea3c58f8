"""``certificate.json``: the measured agreement of each format with the float32 Keras model."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from hrpn_export.agreement import ABSOLUTE, RELATIVE, Sums
from hrpn_export.errors import DamagedBundleError
from hrpn_export.intervals import Coverage
from hrpn_export.manifest import first_problem, one_line, read_json


@dataclass(frozen=True)
class Limit:
    """Largest allowed differences of a precision from the Keras model; None for no limit.

    Grey levels are those of an 8-bit image, and scale with the range.

    Attributes:
        grey_levels: largest difference of a pixel.
        mean: mean absolute difference.
        mse: relative *increase* of the mean squared error against the truth; less is no fault.
        seam: seam error of a network that promises to be exact in tiles.
    """

    grey_levels: float | None = None
    mean: float | None = None
    mse: float | None = None
    seam: float | None = None


LIMITS = {
    "fp32": Limit(grey_levels=0.01, seam=0.01),
    "fp16": Limit(grey_levels=0.25, seam=0.25, mse=0.001),
    # eight bits of mantissa, as many as an 8-bit slide has
    "bf16": Limit(grey_levels=2.0, seam=0.25, mean=0.25, mse=0.005),
    # its ranges are taken from each tile
    "dynamic": Limit(grey_levels=10.0, seam=1.0, mean=1.0, mse=0.01),
    "int8": Limit(grey_levels=10.0, seam=0.25, mean=1.0, mse=0.01),
}


class _Strict(BaseModel):
    # a perfect prediction has an infinite PSNR, which JSON cannot store as a number
    model_config = ConfigDict(
        extra="forbid", frozen=True, ser_json_inf_nan="strings", defer_build=True
    )


def _not_negative(value: float) -> float:
    if value < 0:
        raise ValueError("a distance cannot be negative")
    return value


# NaN is allowed: a format that gives NaN has this distance, and it misses every limit.
Distance = Annotated[float, AfterValidator(_not_negative)]


class Measured(_Strict):
    """Agreement with the Keras model on the patches or on one slide.

    Attributes:
        what: ``patches``, or the name of the slide.
        pixels: number of values compared.
        largest, mean: absolute difference from the Keras model, grey levels.
        mismatching: share of pixels outside the tolerance.
        mse, r2, psnr: metrics of this format against the truth.
        mse_change: relative change of the MSE from the Keras model to this format.
        r2_change, psnr_change: differences between this format and the Keras model.
        coverage: share of the truth within the bounds; None for a network without intervals.
        coverage_change: difference between this format and the Keras model.
        width: mean of upper minus lower bound, grey levels.
    """

    what: str
    pixels: Annotated[int, Field(ge=1)]
    largest: Distance
    mean: Distance
    mismatching: Distance
    mse: Distance
    r2: float
    psnr: float
    mse_change: float
    r2_change: float
    psnr_change: float
    coverage: Distance | None = None
    coverage_change: float | None = None
    width: float | None = None

    @classmethod
    def of(
        cls, what: str, sums: Sums, bounds: tuple[Coverage, Coverage] | None = None
    ) -> "Measured":
        """The metrics of sums, and of the bounds of the reference and the candidate."""
        (r2_before, r2), (psnr_before, psnr) = sums.r2, sums.psnr
        return cls(
            what=what,
            pixels=sums.pixels,
            largest=sums.largest,
            mean=sums.mean,
            mismatching=sums.mismatching,
            mse=sums.mse[1],
            r2=r2,
            psnr=psnr,
            mse_change=sums.mse_change,
            r2_change=r2 - r2_before,
            psnr_change=0.0 if psnr == psnr_before else psnr - psnr_before,
            coverage=None if bounds is None else bounds[1].share,
            coverage_change=None if bounds is None else bounds[1].share - bounds[0].share,
            width=None if bounds is None else bounds[1].mean_width,
        )


class Stress(_Strict):
    """Agreement with the Keras model on images brighter than the patches.

    Attributes:
        what: ``gain 1.5``, ``gain 3`` or ``saturated``.
        gain: factor of the grey levels, which end at the largest; None for an image of the largest.
        largest, mean: absolute difference from the Keras model, grey levels.
    """

    what: str
    gain: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    largest: Distance
    mean: Distance


class CertificateEntry(_Strict):
    """One format in one precision in one runtime.

    Attributes:
        format, precision: which artefact.
        runtime, version, device: what ran it.
        measured: the patches first, then each slide; empty if it could not be run here.
        stress: brighter images; they have no limit, see :func:`robust_gain`.
        seam_error: largest difference, grey levels, between a part predicted alone and within its
            surroundings, away from the part's border; None for networks that need the whole image.
        relative_time: time of a tile / that of the Keras model in TensorFlow, on the machine that
            exported; None if it was not measured.
        problem: why it is not certified; None if it is certified.
    """

    format: str
    precision: str
    runtime: str
    version: str
    device: str
    measured: tuple[Measured, ...] = ()
    stress: tuple[Stress, ...] = ()
    seam_error: Distance | None = None
    relative_time: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    problem: str | None = None


class Certificate(_Strict):
    """The measured agreement of every format in a bundle with the Keras model.

    Attributes:
        evidence: description of the images that it was measured on.
        reference: description of the model that it was measured against.
        grey_max: largest grey level; limits in grey levels are for 255 and scale with it.
        absolute, relative: tolerance of ``mismatching``: grey levels of 256, share of the value.
        entries: one per artefact and runtime; the usual runtime of an artefact comes first.
        nominal_coverage: coverage of the prediction intervals; None for a network without.

    Example:
        >>> certificate = open_bundle("bundle").certificate  # doctest: +SKIP
        >>> certificate.problem("onnx", "int8") is None  # doctest: +SKIP
        True
    """

    schema_version: Literal[1] = 1
    evidence: str
    reference: str = "Keras model, float32, TensorFlow on the CPU"
    grey_max: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    absolute: Distance = ABSOLUTE
    relative: Distance = RELATIVE
    entries: tuple[CertificateEntry, ...]
    nominal_coverage: float | None = None

    @model_validator(mode="after")
    def _one_entry_each(self) -> "Certificate":
        keys = [(entry.format, entry.precision, entry.runtime) for entry in self.entries]
        if len(set(keys)) < len(keys):
            raise ValueError("a format is there twice in one precision and runtime")
        return self

    def entries_of(self, format: str, precision: str) -> tuple[CertificateEntry, ...]:
        """The entries of a format in a precision, one per runtime, the usual one first."""
        return tuple(e for e in self.entries if (e.format, e.precision) == (format, precision))

    def entry(
        self, format: str, precision: str, runtime: str | None = None
    ) -> CertificateEntry | None:
        """The entry of a format in a precision, if there is one.

        Args:
            format, precision: which artefact.
            runtime: name of a runtime; None for the usual one.
        """
        found = self.entries_of(format, precision)
        return next((e for e in found if runtime in (None, e.runtime)), None)

    def problem(self, format: str, precision: str, runtime: str | None = None) -> str | None:
        """Why a format must not be used, in one line; None if it may be used.

        The limits are checked again: a file without a ``problem`` is not trusted.

        Args:
            format, precision: which artefact.
            runtime: name of a runtime; None for the usual one.
        """
        entry = self.entry(format, precision, runtime)
        place = "" if runtime is None else f" in {runtime}"
        what = f"{format} {precision} is not certified{place}: "
        if entry is None:
            others = [e.runtime for e in self.entries_of(format, precision)]
            measured = f"it was measured in {', '.join(others)} only" if others else ""
            return (
                f"{what}{measured or 'it was never measured'}; export again where "
                f"{runtime or 'its runtime'} is installed, or allow it with --uncertified"
            )
        reason = entry.problem if entry.problem is not None else missed(entry, self.grey_max)
        # an empty reason counts as a problem, too
        return None if reason is None else f"{what}{one_line(reason)}; allow it with --uncertified"

    def write(self, path: Path) -> None:
        """Write the certificate as JSON, without empty fields."""
        path.write_text(self.model_dump_json(indent=2, exclude_none=True) + "\n", encoding="utf-8")


def missed(entry: CertificateEntry, grey_max: float) -> str | None:
    """By how much an entry misses the limit of its precision; None if it is within the limit."""
    if not entry.measured:
        return "it was not measured"
    if entry.precision not in LIMITS:
        return f"has no limit for the precision {entry.precision}"
    limit, unit = LIMITS[entry.precision], grey_max / 255
    worst = max(entry.measured, key=lambda m: _badness(m.largest))
    if limit.grey_levels is not None and not worst.largest <= limit.grey_levels * unit:
        return (
            f"differs from the Keras model by up to {worst.largest:.3g} grey levels on "
            f"{worst.what}, where {limit.grey_levels * unit:.3g} are allowed"
        )
    worst = max(entry.measured, key=lambda m: _badness(m.mean))
    if limit.mean is not None and not worst.mean <= limit.mean * unit:
        return (
            f"differs from the Keras model by {worst.mean:.3g} grey levels in the mean on "
            f"{worst.what}, where {limit.mean * unit:.3g} are allowed"
        )
    worst = max(entry.measured, key=lambda m: _badness(m.mse_change))
    if limit.mse is not None and not worst.mse_change <= limit.mse:
        return (
            f"changes the mean squared error by {worst.mse_change:+.3%} on {worst.what}, where "
            f"{limit.mse:+.1%} is allowed"
        )
    if not all(math.isfinite(m.mse) for m in entry.measured):
        return "gives values that are not finite"
    seam = entry.seam_error
    if limit.seam is not None and seam is not None and not seam <= limit.seam * unit:
        return (
            f"has a seam error of {seam:.3g} grey levels, where "
            f"{limit.seam * unit:.3g} are allowed: a pixel depends on its tile, or on more than "
            "the receptive field of the contract"
        )
    return None


def robust_gain(entry: CertificateEntry, grey_max: float) -> float | None:
    """The largest gain that was tried up to which a format follows the Keras model.

    There it stays within the largest and the mean difference that its precision may have on the
    patches. 1.0 means that it follows on images like the patches only.

    Returns:
        None if no brighter images were tried, or the precision has no limit.
    """
    limit = LIMITS.get(entry.precision)
    tried = sorted(((s.gain, s) for s in entry.stress if s.gain is not None), key=lambda t: t[0])
    if limit is None or not tried:
        return None
    best = 1.0
    largest, mean = (
        math.inf if each is None else each * grey_max / 255
        for each in (limit.grey_levels, limit.mean)
    )
    for gain, stress in tried:
        if not (stress.largest <= largest and stress.mean <= mean):
            break
        best = gain
    return best


def read_certificate(path: Path) -> Certificate:
    """Read a certificate that :meth:`Certificate.write` wrote.

    Raises:
        DamagedBundleError: the file is missing, or is no certificate.
    """
    try:
        return Certificate.model_validate(read_json(path))
    except ValidationError as error:
        raise DamagedBundleError(f"{path}: no certificate: {first_problem(error)}") from None


def _badness(value: float) -> float:
    return math.inf if math.isnan(value) else value
