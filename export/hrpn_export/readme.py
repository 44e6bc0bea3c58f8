"""The README of a bundle: how to run each format without this project."""

from collections.abc import Callable
from pathlib import Path

from hrpn_export.certificate import Certificate, Entry, Measured, missed
from hrpn_export.contract import Contract
from hrpn_export.manifest import Artefact, Manifest
from hrpn_export.names import INPUT, OUTPUT, TEST_INPUT, TEST_OUTPUT
from hrpn_export.safety import keras_objects

FILE = "README.md"


def write(folder: Path, manifest: Manifest, certificate: Certificate) -> None:
    """Write ``README.md``.

    Args:
        folder: of the bundle; its formats are there already.
        manifest: of the bundle, without checksums.
        certificate: of the bundle.
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


def plain(text: str) -> str:
    """A text that may stand in a line of Markdown or in a comment of a program: nothing in it is
    taken for a mark, a cell of a table, or the end of the line."""
    kept = "".join(c if c.isprintable() and c not in "|`<>[]*\\" else " " for c in text)
    return " ".join(kept.split())


def own_layers(path: Path) -> dict[str, str]:
    """Layers and functions of a ``.keras`` file that are not Keras' own.

    Returns:
        Name of the class: module that brings it, sorted by name.
    """
    found = {}
    for item in keras_objects(path):
        module, name = str(item.get("module") or ""), str(item["class_name"])
        special = name.startswith("__") or module == "builtins"  # tensors, functions by name
        if not special and module.partition(".")[0] != "keras":
            found[name] = module
    return dict(sorted(found.items()))


def _about(manifest: Manifest, contract: Contract) -> str:
    inputs, outputs = _names(contract.inputs), _names(contract.outputs)
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
        f"{_names(contract.inputs)}",
        "Grey levels": f"as stored in the file, {levels.minimum:g} to {levels.maximum:g} "
        f"({levels.type}); never scale them: scaling is part of the model",
        "Output": f"float32, (N, height, width, {len(contract.outputs)}), last axis: {units}",
        **_intervals(contract),
        "Pixel size": pixel,
        "Height and width": f"any multiple of {multiple}"
        + ("" if multiple == 1 else "; pad others by reflection, and crop the result, as below"),
        "Large images": _tiles(contract),
    }
    table = "\n".join(f"| {key} | {value} |" for key, value in rows.items())
    return f"## Input and output\n\n| | |\n|---|---|\n{table}"


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
    for format, section in _SECTIONS.items():
        there = [artefact for artefact in manifest.artefacts if artefact.format == format]
        if there:
            parts.append(section(folder, there[0], contract))
        if there[1:]:
            others = ", ".join(f"{other.precision} (`{other.path}`)" for other in there[1:])
            parts.append(f"In other precisions, by the same program: {others}.")
    return "\n\n".join(parts)


def _keras(folder: Path, artefact: Artefact, contract: Contract) -> str:
    layers = own_layers(folder / artefact.path)
    lines = f'model = keras.saving.load_model("{artefact.path}", compile=False)'
    call = "model.predict(image, verbose=0)"
    if not layers:
        code = _code(["import keras"], lines, call, contract)
        return _section("Keras", artefact, "`pip install keras tensorflow`", code)
    modules = sorted({module for module in layers.values() if _is_module(module)})
    packages = sorted({module.partition(".")[0].replace("_", "-") for module in modules})
    code = _code(["import keras", *(f"import {m}" for m in modules)], lines, call, contract)
    note = (
        "This format alone needs more than its runtime: the network has layers that Keras does "
        f"not bring ({', '.join(f'`{plain(name)}`' for name in layers)}), and what registers them "
        "must be imported first. The other formats hold them as plain operations."
    )
    install = f"`pip install keras tensorflow {' '.join(packages)}`".replace(" `", "`")
    return _section("Keras", artefact, install, f"{note}\n\n{code}")


def _is_module(name: str) -> bool:
    return name != "__main__" and all(part.isidentifier() for part in name.split("."))


def _saved_model(folder: Path, artefact: Artefact, contract: Contract) -> str:
    lines = (
        f'model = tf.saved_model.load("{artefact.path}/1")\n'
        'run = model.signatures["serving_default"]'
    )
    call = f'run({INPUT}=tf.constant(image))["{OUTPUT}"].numpy()'
    code = _code(["import tensorflow as tf"], lines, call, contract)
    serving = f"TensorFlow Serving takes the folder `{artefact.path}` as it is."
    return _section("SavedModel", artefact, "`pip install tensorflow`", f"{code}\n\n{serving}")


def _onnx(folder: Path, artefact: Artefact, contract: Contract) -> str:
    lines = (
        f'session = onnxruntime.InferenceSession("{artefact.path}", '
        'providers=["CPUExecutionProvider"])'
    )
    call = f'session.run(["{OUTPUT}"], {{"{INPUT}": image}})[0]'
    code = _code(["import onnxruntime"], lines, call, contract)
    return _section("ONNX", artefact, "`pip install onnxruntime`", code)


def _tflite(folder: Path, artefact: Artefact, contract: Contract) -> str:
    lines = (
        f'model = Interpreter(model_path="{artefact.path}")\n'
        'place = model.get_input_details()[0]["index"]\n'
        "model.resize_tensor_input(place, image.shape)\n"
        "model.allocate_tensors()\n"
        "model.set_tensor(place, image)\n"
        "model.invoke()"
    )
    call = 'model.get_tensor(model.get_output_details()[0]["index"])'
    code = _code(["from ai_edge_litert.interpreter import Interpreter"], lines, call, contract)
    return _section("TFLite", artefact, "`pip install ai-edge-litert`", code)


def _tensorrt(folder: Path, artefact: Artefact, contract: Contract) -> str:
    text = (
        "An engine is good for one version of TensorRT and one kind of GPU; the file beside it "
        "says which. On such a machine load it with `tensorrt.Runtime.deserialize_cuda_engine`; "
        f"its tensors are `{INPUT}` and `{OUTPUT}`, both float32 (N, height, width, channels). For "
        f"another machine build it from `onnx/{artefact.precision}/model.onnx`: the ONNX files of "
        "this bundle hold their precision, so no flag for it is needed. An engine is machine code: "
        "load only those of makers you trust."
    )
    return _section("TensorRT", artefact, "an engine", text)


_SECTIONS: dict[str, Callable[[Path, Artefact, Contract], str]] = {
    "keras": _keras,
    "saved_model": _saved_model,
    "onnx": _onnx,
    "tflite": _tflite,
    "tensorrt": _tensorrt,
}


def _section(title: str, artefact: Artefact, install: str, body: str) -> str:
    return f"### {title}, {artefact.precision}: `{artefact.path}` ({install})\n\n{body}"


def _code(modules: list[str], lines: str, call: str, contract: Contract) -> str:
    multiple = contract.stride_multiple
    names = _names(contract.inputs)
    image = (
        f'image = np.load("{TEST_INPUT}")  # (N, height, width, {len(contract.inputs)}): {names}'
    )
    imports = sorted(["import numpy as np", *modules], key=lambda line: line.split()[1])
    padding = (
        "height, width = image.shape[1:3]\n"
        f"border = ((0, 0), (0, -height % {multiple}), (0, -width % {multiple}), (0, 0))\n"
        'image = np.pad(image, border, mode="symmetric")\n'
    )
    crop = "[:, :height, :width]"
    if multiple == 1:
        padding = crop = ""
    lines = (
        "\n".join(imports) + f"\n\n{image}\n{padding}{lines}\nprediction = {call}{crop}\n"
        f'print(np.abs(prediction - np.load("{TEST_OUTPUT}")).max())'
    )
    return f"```python\n{lines}\n```"


def _validation(certificate: Certificate) -> str:
    head = (
        "## Validation\n\nMeasured at export"
        + (f" on {plain(certificate.evidence)}" if certificate.evidence else "")
        + f", against: {plain(certificate.reference)}. Differences are in grey levels of a range "
        f"of {certificate.grey_max:g}; the mean squared error (MSE) is that against measured "
        "images; the seam error is the largest difference between a tile predicted alone and "
        "within its surroundings, away from its border. All figures are in `certificate.json`.\n\n"
        "| Format | Precision | Runtime | Largest difference | MSE change | Seam error "
        "| Certified |"
    )
    nominal = certificate.nominal_coverage
    if nominal is not None:
        head += f" Coverage, nominal {nominal:.1%} |"
    head += "\n" + "|---" * (7 if nominal is None else 8) + "|"
    rows = [
        _row(entry, certificate.grey_max) + ("" if nominal is None else f" {_coverage(entry)} |")
        for entry in certificate.entries
    ]
    return "\n".join([head, *rows])


def _row(entry: Entry, grey_max: float) -> str:
    largest = change = seam = "not measured"
    if entry.measured:
        worst = max(entry.measured, key=lambda m: _order(m.largest))
        largest = f"{worst.largest:.3g}"
        change = f"{100 * _worst_change(entry.measured):+.3g} %"
        seam = (
            "none: needs the whole image" if entry.seam_error is None else f"{entry.seam_error:.2g}"
        )
    problem = entry.problem if entry.problem is not None else missed(entry, grey_max)
    certified = "yes" if problem is None else f"no: {plain(problem)}"
    runtime = f"{plain(entry.runtime)} {plain(entry.version)}".strip()
    cells = (entry.format, entry.precision, runtime, largest, change, seam, certified)
    return f"| {' | '.join(cells)} |"


def _coverage(entry: Entry) -> str:
    """Of the patches, then of each slide."""
    shares = [m.coverage for m in entry.measured if m.coverage is not None]
    return ", ".join(f"{share:.1%}" for share in shares) or "not measured"


def _worst_change(measured: tuple[Measured, ...]) -> float:
    return max((m.mse_change for m in measured), key=_order)


def _order(value: float) -> float:
    return abs(value) if value == value else float("inf")


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(plain(name) for name in names)
