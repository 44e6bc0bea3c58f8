"""Summary of each exported format in one line."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hrpn_export.certificate import CertificateEntry


def describe(entry: "CertificateEntry", grey_max: float) -> str:
    """The measurements of a format in a runtime."""
    what = f"{entry.format} {entry.precision}"
    if not entry.measured:
        return f"{what}: {entry.problem} ({entry.runtime})"
    from hrpn_export.certificate import robust_gain

    largest = max(measured.largest for measured in entry.measured)
    change = max(measured.mse_change for measured in entry.measured)
    seams = "" if entry.seam_error is None else f", seams {entry.seam_error:.2g}"
    verdict = "certified" if entry.problem is None else f"not certified: {entry.problem}"
    costs = "MSE the same" if abs(change) < 5e-5 else f"MSE {change:+.2%}"
    shares = [m.coverage for m in entry.measured if m.coverage is not None]
    covered = f", coverage {', '.join(f'{share:.1%}' for share in shares)}" if shares else ""
    gain = robust_gain(entry, grey_max)
    robust = "" if gain is None else f", robust up to gain {gain:g}"
    time = "" if entry.relative_time is None else f", {entry.relative_time:.2f} x the time of Keras"
    return (
        f"{what}: differs by at most {largest:.2g} grey levels, {costs}{seams}{covered}{robust}"
        f"{time} ({entry.runtime} {entry.version}); {verdict}"
    )
