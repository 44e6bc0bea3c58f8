"""The README of a bundle, which says how to run each format without this project."""

from pathlib import Path

from hrpn_export.certificate import Certificate, CertificateEntry, Measured, missed, robust_gain
from hrpn_export.contract import Contract
from hrpn_export.formats import FORMATS
from hrpn_export.manifest import Artefact, Manifest
from hrpn_export.names import TEST_INPUT, TEST_OUTPUT
from hrpn_export.snippets import joined, plain
from hrpn_export.speed import describe_speed
from hrpn_export.stored_input import DETAIL

FILE = "README.md"


def write(folder: Path, manifest: Manifest, certificate: Certificate) -> None:
    """Write ``README.md``.

    Args:
        folder: folder of the bundle, with its formats.
        manifest: manifest of the bundle, without checksums.
        certificate: certificate of the bundle.
    """
    contract = manifest.read_contract()
    parts = [
        f"# {plain(manifest.name)}",
        _about(manifest, contract),
        _input_and_output(manifest, contract),
        _formats(folder, manifest, contract),
        _validation(certificate),
    ]
    (folder / FILE).write_text("\n\n".join(parts) + "\n", encoding="utf-8", newline="\n")


def _about(manifest: Manifest, contract: Contract) -> str:
    inputs, outputs = joined(contract.inputs), joined(contract.outputs)
    return (
        f"An image-to-image network: {inputs} in, {outputs} out; grey levels in, grey levels out, "
        f"in every format. `bundle.json` says all of this for programs, with a SHA-256 of each "
        f"file; `certificate.json` says how closely each format agrees with the Keras model; "
        f"`rdf.yaml` describes it for [bioimage.io](https://bioimage.io).\n\n"
        f"Licence of the weights: {plain(manifest.licence)}. "
        f"Written by {plain(manifest.program)}."
    )


def _input_and_output(manifest: Manifest, contract: Contract) -> str:
    levels = manifest.grey_levels
    size = contract.pixel_size_um
    units = ", ".join(f"{plain(o.name)} ({plain(o.unit)})" for o in manifest.outputs)
    multiple = contract.stride_multiple
    pixel = "not stated" if size is None else f"{size:g} micrometres; resample other images to it"
    rows = {
        "Input": f"float32, (N, height, width, {len(contract.inputs)}), last axis: "
        f"{joined(contract.inputs)}",
        "Grey levels": _normalised_in_words(contract)
        or f"as stored in the file, {levels.minimum:g} to {levels.maximum:g} ({levels.type}); "
        "never scale them: scaling is part of the model",
        "NaN, infinity": "replace them before: int8, dynamic and OpenVINO turn them into ordinary "
        "grey levels without a word, and in the other formats they spread",
        "Output": f"float32, (N, height, width, {len(contract.outputs)}), last axis: {units}",
        **_intervals(contract),
        "Pixel size": pixel,
        "Height and width": f"any multiple of {multiple}"
        + ("" if multiple == 1 else "; pad others by reflection, and crop the result, as below"),
        "Large images": _tiles(contract),
    }
    table = "\n".join(f"| {key} | {value} |" for key, value in rows.items())
    return f"## Input and output\n\n| | |\n|---|---|\n{table}"


def _normalised_in_words(contract: Contract) -> str:
    """How the inputs are normalised for each slide; empty where they are taken as stored."""
    if contract.reference_levels is None:
        return ""
    levels = zip(contract.inputs, contract.reference_levels, strict=True)
    wanted = ", ".join(f"{plain(name)} to {low:.6g} and {high:.6g}" for name, (low, high) in levels)
    return (
        "normalised for each slide, not as stored in the file: with one gain and one offset per "
        "channel, the same for all pixels of a slide, map the 1 % and the 99 % quantile of the "
        f"channel over the slide's tissue: {wanted}; do not clip or scale them further"
    )


def _intervals(contract: Contract) -> dict[str, str]:
    if contract.coverage is None:
        return {}
    return {
        "Intervals": f"the outputs are the prediction and its lower and upper bound, which hold "
        f"{contract.coverage:.1%} of the measured pixels; what each format covers is below"
    }


def _tiles(contract: Contract) -> str:
    if contract.receptive_field is None or not contract.tile_exact:
        return "predict them whole: every pixel depends on the whole input"
    halo = contract.receptive_field // 2
    return (
        f"predict them in tiles that overlap, start at multiples of {contract.stride_multiple}, "
        f"and lose {halo} pixels at each inner border: what remains equals a prediction of the "
        f"whole (receptive field {contract.receptive_field} pixels)"
    )


def _formats(folder: Path, manifest: Manifest, contract: Contract) -> str:
    intro = (
        "## How to run it\n\nRun these in the folder of this file. Each predicts the example "
        f"`{TEST_INPUT}` and prints the largest difference from `{TEST_OUTPUT}`, which the Keras "
        "model gave. Put an image of your own in the place of the example."
    )
    parts = [intro]
    for row in FORMATS.values():
        there = [artefact for artefact in manifest.artefacts if artefact.format == row.name]
        if there:
            parts.append(row.section(folder, there[0], contract))
        if there[1:]:
            others = ", ".join(f"{other.precision} (`{other.path}`)" for other in there[1:])
            parts.append(f"In other precisions, by the same program: {others}.")
        parts += [text for text in map(_stored_inputs, there) if text]
        if any(artefact.precision == "bf16" for artefact in there):
            parts.append(
                "OpenVINO alone computes in bfloat16: compile the bf16 file with "
                "`INFERENCE_PRECISION_HINT` `bf16`, on a processor that has it. For other files "
                "set it to `f32`. Which precision is fast in which runtime is said below."
            )
    return "\n\n".join(parts)


def _stored_inputs(artefact: Artefact) -> str:
    """Which variants of an artefact take pixels as stored."""
    variants: dict[str, str] = artefact.details.get(DETAIL, {})
    row, home = FORMATS[artefact.format], artefact.path.rpartition("/")[0]
    if not variants:
        return ""
    if not row.suffix:
        named = ", ".join(f"the signature `{plain(n)}` {plain(t)}" for t, n in variants.items())
        return (
            f"Of `{artefact.path}`, {named}: pixels as stored, cast inside, with the same result."
        )
    named = ", ".join(f"`{home}/{plain(n)}` {plain(t)}" for t, n in variants.items())
    return f"Pixels as stored, cast inside, with the same result: {named}."


def _validation(certificate: Certificate) -> str:
    head = (
        "## Validation\n\nMeasured at export"
        + (f" on {plain(certificate.evidence)}" if certificate.evidence else "")
        + f", against: {plain(certificate.reference)}. Differences are in grey levels of a range "
        f"of {certificate.grey_max:g}; the mean squared error (MSE) is that against measured "
        "images; the seam error is the largest difference between a tile predicted alone and "
        "within its surroundings, away from its border. The same patches were tried with 1.5 and 3 "
        "times their grey levels, and an image of the largest grey level everywhere: `robust up to "
        "gain` is the largest of these factors up to which a format follows the Keras model as "
        "closely as it must on the patches. Time is that of a tile on the machine that exported, "
        "as a share of the time of the Keras model in TensorFlow. Use other runtimes only after "
        "you have measured them. "
        "All figures are in `certificate.json`.\n\n"
        "| Format | Precision | Runtime | Largest difference | MSE change | Seam error "
        "| Largest difference at gain 1.5, at gain 3, saturated | Robust up to gain | Time "
        "| Certified |"
    )
    if (speed := describe_speed(certificate)) is not None:
        head = head.replace("\n\n| Format", f"\n\n{plain(speed)}\n\n| Format")
    nominal = certificate.nominal_coverage
    if nominal is not None:
        head += f" Coverage, nominal {nominal:.1%} |"
    head += "\n" + "|---" * (10 if nominal is None else 11) + "|"
    rows = [
        _row(entry, certificate.grey_max) + ("" if nominal is None else f" {_coverage(entry)} |")
        for entry in certificate.entries
    ]
    return "\n".join([head, *rows])


def _row(entry: CertificateEntry, grey_max: float) -> str:
    largest = change = seam = bright = robust = "not measured"
    if entry.measured:
        worst = max(entry.measured, key=lambda m: _badness(m.largest))
        largest = f"{worst.largest:.3g}"
        change = f"{100 * _worst_change(entry.measured):+.3g} %"
        seam = (
            "none: needs the whole image" if entry.seam_error is None else f"{entry.seam_error:.2g}"
        )
    if entry.stress:
        bright = ", ".join(f"{stress.largest:.3g}" for stress in entry.stress)
        gain = robust_gain(entry, grey_max)
        robust = "not known" if gain is None else f"{gain:g}"
    problem = entry.problem if entry.problem is not None else missed(entry, grey_max)
    certified = "yes" if problem is None else f"no: {plain(problem)}"
    runtime = f"{plain(entry.runtime)} {plain(entry.version)}".strip()
    time = "not measured" if entry.relative_time is None else f"{entry.relative_time:.2f}"
    figures = (largest, change, seam, bright, robust, time)
    cells = (plain(entry.format), plain(entry.precision), runtime, *figures, certified)
    return f"| {' | '.join(cells)} |"


def _coverage(entry: CertificateEntry) -> str:
    """Coverage of the patches, then of each slide."""
    shares = [m.coverage for m in entry.measured if m.coverage is not None]
    return ", ".join(f"{share:.1%}" for share in shares) or "not measured"


def _worst_change(measured: tuple[Measured, ...]) -> float:
    """The largest increase; NaN counts as the largest."""
    return max((m.mse_change for m in measured), key=_badness)


def _badness(value: float) -> float:
    return value if value == value else float("inf")
