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
    """Largest allowed difference of a precision from the Keras model.

    Attributes:
        grey_levels: largest difference of a pixel, in grey levels of an 8-bit image; it scales
            with the range. None for no limit.
        mse: largest relative change of the mean squared error against the truth. None for no
            limit.
    """

    grey_levels: float | None = None
    mse: float | None = None


LIMITS = {
    "fp32": Limit(grey_levels=0.01),
    "fp16": Limit(grey_levels=0.25, mse=0.001),
    "dynamic": Limit(mse=0.01),
    "int8": Limit(mse=0.01),
}


class _Strict(BaseModel):
    # a perfect prediction has an infinite PSNR, which JSON cannot store as a number
    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="strings")


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


class Entry(_Strict):
    """One format in one precision.

    Attributes:
        format, precision: which artefact.
        runtime, version, device: what ran it.
        measured: the patches first, then each slide; empty if it could not be run here.
        seam_error: largest difference, grey levels, between a part predicted alone and within its
            surroundings, away from the part's border; None for networks that need the whole image.
        problem: why it is not certified; None if it is certified.
    """

    format: str
    precision: str
    runtime: str
    version: str
    device: str
    measured: tuple[Measured, ...] = ()
    seam_error: Distance | None = None
    problem: str | None = None


class Certificate(_Strict):
    """The measured agreement of every format in a bundle with the Keras model.

    Attributes:
        evidence: description of the images that it was measured on.
        reference: description of the model that it was measured against.
        grey_max: largest grey level; limits in grey levels are for 255 and scale with it.
        absolute, relative: tolerance of ``mismatching``: grey levels of 256, share of the value.
        entries: one per artefact.
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
    entries: tuple[Entry, ...]
    nominal_coverage: float | None = None

    @model_validator(mode="after")
    def _one_entry_each(self) -> "Certificate":
        keys = [(entry.format, entry.precision) for entry in self.entries]
        if len(set(keys)) < len(keys):
            raise ValueError("a format is there twice in one precision")
        return self

    def entry(self, format: str, precision: str) -> Entry | None:
        """The entry of a format in a precision, if there is one."""
        found = ((e.format, e.precision) == (format, precision) for e in self.entries)
        return next((e for e, hit in zip(self.entries, found, strict=True) if hit), None)

    def problem(self, format: str, precision: str) -> str | None:
        """Why a format must not be used, in one line; None if it may be used.

        The limits are checked again: a file without a ``problem`` is not trusted.
        """
        entry = self.entry(format, precision)
        what = f"{format} {precision} is not certified: "
        if entry is None:
            return what + "it was never measured; measure it, or allow it with --uncertified"
        reason = entry.problem if entry.problem is not None else missed(entry, self.grey_max)
        # an empty reason counts as a problem, too
        return None if reason is None else f"{what}{one_line(reason)}; allow it with --uncertified"

    def write(self, path: Path) -> None:
        """Write the certificate as JSON, without empty fields."""
        path.write_text(self.model_dump_json(indent=2, exclude_none=True) + "\n", encoding="utf-8")


def missed(entry: Entry, grey_max: float) -> str | None:
    """By how much an entry misses the limit of its precision; None if it is within the limit."""
    if not entry.measured:
        return "it was not measured"
    if entry.precision not in LIMITS:
        return f"has no limit for the precision {entry.precision}"
    limit = LIMITS[entry.precision]
    worst = max(entry.measured, key=lambda m: _badness(m.largest))
    if limit.grey_levels is not None:
        allowed = limit.grey_levels * grey_max / 255
        if not worst.largest <= allowed:
            return (
                f"differs from the Keras model by up to {worst.largest:.3g} grey levels on "
                f"{worst.what}, where {allowed:.3g} are allowed"
            )
    worst = max(entry.measured, key=lambda m: _badness(abs(m.mse_change)))
    if limit.mse is not None and not abs(worst.mse_change) <= limit.mse:
        return (
            f"changes the mean squared error by {worst.mse_change:+.3%} on {worst.what}, where "
            f"{limit.mse:.1%} is allowed"
        )
    if not all(math.isfinite(m.mse) for m in entry.measured):
        return "gives values that are not finite"
    return None


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
