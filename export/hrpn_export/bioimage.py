"""The bundle as a bioimage.io model: ``rdf.yaml`` with its test input and output.

It is written as plain YAML, so that only the tests need the packages of bioimage.io. Equal exports
give equal files: no time and no path of the machine is written.
"""

import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from hrpn_export.about import About, Person
from hrpn_export.archive import write_stored
from hrpn_export.contract import Contract
from hrpn_export.cover import write_covers
from hrpn_export.formats.keras_file import own_layers
from hrpn_export.manifest import Manifest
from hrpn_export.measure import installed_version, mosaic
from hrpn_export.names import INPUT, OUTPUT, TEST_INPUT, TEST_OUTPUT
from hrpn_export.nickname import nickname_of
from hrpn_export.paths import files_below, inside, sha256_of
from hrpn_export.readme import FILE as README
from hrpn_export.snippets import plain

FILE, LICENCE_FILE, SAVED_MODEL = "rdf.yaml", "LICENSE.txt", "saved_model.zip"
FORMAT = "0.5.14"
TAGS = ("image-to-image", "microscopy", "tensorflow", "keras")
# SPDX licences that bioimage.io accepts by name; any other is written to a file.
LICENCES = frozenset(
    [
        "0BSD",
        "AGPL-3.0-only",
        "AGPL-3.0-or-later",
        "Apache-2.0",
        "Artistic-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "BSL-1.0",
        "CC-BY-3.0",
        "CC-BY-4.0",
        "CC-BY-NC-4.0",
        "CC-BY-NC-ND-4.0",
        "CC-BY-NC-SA-4.0",
        "CC-BY-ND-4.0",
        "CC-BY-SA-4.0",
        "CC0-1.0",
        "CECILL-2.1",
        "EPL-2.0",
        "EUPL-1.2",
        "GPL-2.0-only",
        "GPL-2.0-or-later",
        "GPL-3.0-only",
        "GPL-3.0-or-later",
        "ISC",
        "LGPL-2.1-only",
        "LGPL-2.1-or-later",
        "LGPL-3.0-only",
        "LGPL-3.0-or-later",
        "MIT",
        "MPL-2.0",
        "ODbL-1.0",
        "PDDL-1.0",
        "Unlicense",
        "Zlib",
    ]
)
# The validator refuses a test whose values are all smaller; such a test would prove nothing.
_SMALLEST = 1e-4


def write(
    folder: Path, manifest: Manifest, about: About, sample: np.ndarray, expected: np.ndarray
) -> None:
    """Write ``rdf.yaml``, ``test_input.npy``, ``test_output.npy``, and the files they refer to.

    Covers are among them; see :func:`~hrpn_export.cover.write_covers`.

    A licence outside the SPDX list is written to ``LICENSE.txt``. A SavedModel is stored a second
    time, as the zip that bioimage.io expects.

    Args:
        folder: folder of the bundle, with its formats.
        manifest: manifest of the bundle, without checksums.
        about: description of the model. Its provenance may contain ``cite``: a list of objects
            with ``text`` and ``doi``.
        sample: example input (1, H, W, inputs), float32 grey levels.
        expected: prediction of the Keras model (1, H, W, outputs), float32 grey levels.
    """
    for name, array in ((TEST_INPUT, sample), (TEST_OUTPUT, expected)):
        np.save(folder / name, np.ascontiguousarray(array, np.float32), allow_pickle=False)
    contract = manifest.read_contract()
    tests = _tests(folder, sample, expected)
    nickname = nickname_of(f"{manifest.name}{contract.to_json()}".encode(), expected)
    description: dict[str, Any] = {
        "format_version": FORMAT,
        "type": "model",
        "name": _name(manifest.name),
        "id": nickname.text,
        "id_emoji": nickname.emoji,
        "description": _description(about, contract),
        "documentation": {"source": README},
        "license": _licence(folder, manifest.licence),
        "tags": list(dict.fromkeys([*TAGS, *map(plain, about.tags)])),
        "covers": [
            _file(folder, name) for name in write_covers(folder, about.covers, sample, expected)
        ],
        "inputs": [_input(contract) | tests[0]],
        "outputs": [_output(contract) | tests[1]],
        "weights": _weights(folder, manifest),
        "config": {
            "bioimageio": {
                "nickname": nickname.text,
                "nickname_icon": nickname.emoji,
                "reproducibility_tolerance": [_tolerance(contract, expected)],
            },
            "hrpn_export": {
                "contract": manifest.contract,
                "outputs": [output.model_dump(mode="json") for output in manifest.outputs],
                "program": manifest.program,
            },
        },
    }
    if about.authors:
        description["authors"] = [_person(one) for one in about.authors]
    if about.maintainers:
        description["maintainers"] = [_person(one) for one in about.maintainers]
    if about.repository:
        description["git_repo"] = about.repository
    if cite := _cite([*about.cite, *_listed(about.provenance.get("cite"))]):
        description["cite"] = cite
    text = yaml.safe_dump(description, sort_keys=False, allow_unicode=True, width=100)
    (folder / FILE).write_text(text, encoding="utf-8", newline="\n")


def example(patches: np.ndarray, contract: Contract) -> np.ndarray:
    """An image on which the tools of bioimage.io can run the model, for :func:`write`.

    Args:
        patches: (N, H, W, inputs) grey levels.
        contract: contract of the model.

    Returns:
        (1, H, W, inputs) float32 grey levels: the first patch, or several side by side if it is
        smaller than the smallest input that the description allows.
    """
    smallest = _smallest(contract)
    if min(patches.shape[1:3]) >= smallest:
        return np.asarray(patches[:1], np.float32)
    return np.asarray(mosaic(patches, smallest)[None], np.float32)


def _name(name: str) -> str:
    """A name that bioimage.io allows: 5 to 64 letters, digits and a few other characters."""
    allowed = re.sub(r"[^A-Za-z0-9_+() -]", "-", name)
    return (allowed if len(allowed) >= 5 else f"model {allowed}")[:64]


def _person(person: str | Person) -> dict[str, str]:
    """An author or maintainer; bioimage.io allows no slash in a name."""
    if isinstance(person, str):
        person = Person(person)
    stated = {key: plain(value) for key, value in asdict(person).items() if value}
    return {**stated, "name": plain(re.sub(r"[/\\]", "-", person.name)) or "unknown"}


def _listed(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else []


def _description(about: About, contract: Contract) -> str:
    text = about.description or (
        f"Predicts {', '.join(contract.outputs)} from {', '.join(contract.inputs)}; "
        "grey levels in, grey levels out."
    )
    return text if len(text) <= 512 else text[:509] + "..."


def _licence(folder: Path, licence: str) -> str | dict[str, str]:
    if licence in LICENCES:
        return licence
    stated = plain(licence)
    text = f"The licence of the weights is {stated}.\n"
    if licence == "LicenseRef-not-stated":
        text = "The licence of the weights is not stated. Ask their makers before you use them.\n"
    (folder / LICENCE_FILE).write_text(text, encoding="utf-8", newline="\n")
    return {"source": LICENCE_FILE}


def _cite(entries: Sequence[object]) -> list[dict[str, str]]:
    """Citations with a DOI; for an address, the validator would access the network."""
    found = []
    for entry in entries:
        if not isinstance(entry, Mapping):
            continue
        text, doi = entry.get("text"), entry.get("doi")
        if text and isinstance(doi, str) and re.fullmatch(r"10\.\d{4,9}/\S+", doi):
            found.append({"text": str(text), "doi": doi})
    return found


def _tests(folder: Path, sample: np.ndarray, expected: np.ndarray) -> list[dict[str, Any]]:
    """Both test arrays, or neither if one holds nothing but zeros, which would test nothing."""
    fine = (np.isfinite(array).all() and array.max() >= _SMALLEST for array in (sample, expected))
    if not all(fine):
        return [{}, {}]
    return [
        {"test_tensor": {"source": name, "sha256": sha256_of(folder / name)}}
        for name in (TEST_INPUT, TEST_OUTPUT)
    ]


def _tolerance(contract: Contract, expected: np.ndarray) -> dict[str, Any]:
    """0.02 grey levels of 256, or 0.5 % of the largest value if that is smaller."""
    largest = float(expected.max(initial=0.0))
    absolute = min(0.02 * contract.grey_max / 255, 0.005 * max(largest, 0.0))
    return {
        "relative_tolerance": 1e-3,
        "absolute_tolerance": float(f"{absolute:.3g}"),
        "output_ids": [OUTPUT],
    }


def _halo(contract: Contract) -> int | None:
    """Half the receptive field, px; None if no halo makes tiles exact.

    It is rounded up to the stride multiple: a tile with its halo lies on the network's grid.
    """
    if contract.receptive_field is None or not contract.tile_exact:
        return None
    step = contract.stride_multiple
    return -(-(contract.receptive_field // 2) // step) * step or None


def _smallest(contract: Contract) -> int:
    """Side of the smallest input, of which one stride remains within the halo, px."""
    return 2 * (_halo(contract) or 0) + contract.stride_multiple


def _input(contract: Contract) -> dict[str, Any]:
    size = {"min": _smallest(contract), "step": contract.stride_multiple}
    space = [
        _space(contract, axis) | {"size": dict(size), "concatenable": contract.tile_exact}
        for axis in "yx"
    ]
    return {
        "id": INPUT,
        "description": f"Grey levels, normalised for each slide as {README} says."
        if contract.reference_levels
        else "Grey levels as stored in the file, never scaled.",
        "axes": [{"type": "batch"}, *space, _channels(contract.inputs)],
        # normalised ones may lie outside any range
        "data": {"type": "float32"}
        | ({} if contract.reference_levels else {"range": [0.0, float(contract.grey_max)]}),
        "pad": {"mode": "symmetric"},
    }


def _output(contract: Contract) -> dict[str, Any]:
    halo = _halo(contract)
    space = []
    for axis in "yx":
        row = _space(contract, axis) | {"size": {"tensor_id": INPUT, "axis_id": axis}}
        space.append(row if halo is None else row | {"halo": halo})
    return {
        "id": OUTPUT,
        "description": "Predicted grey levels, not clipped.",
        "axes": [{"type": "batch"}, *space, _channels(contract.outputs)],
        "data": {"type": "float32"},
    }


def _space(contract: Contract, axis: str) -> dict[str, Any]:
    row: dict[str, Any] = {"type": "space", "id": axis}
    if contract.pixel_size_um is not None:
        row |= {"unit": "micrometer", "scale": float(contract.pixel_size_um)}
    return row


def _channels(names: tuple[str, ...]) -> dict[str, Any]:
    return {"type": "channel", "channel_names": list(names)}


def _weights(folder: Path, manifest: Manifest) -> dict[str, Any]:
    """The ``weights`` of the description: every format of the bundle that it has a name for.

    The tools of bioimage.io cannot load a Keras file with custom layers, so such a file is listed
    only if there is nothing else.
    """
    paths = {a.format: a.path for a in manifest.artefacts if a.precision == "fp32"}
    weights: dict[str, Any] = {}
    if "onnx" in paths:
        weights["onnx"] = _onnx(folder, paths["onnx"])
    if "saved_model" in paths:
        source = inside(folder, f"{paths['saved_model']}/1")
        write_stored(folder / SAVED_MODEL, source, files_below(source))
        weights["tensorflow_saved_model_bundle"] = _file(folder, SAVED_MODEL) | {
            "tensorflow_version": installed_version("tensorflow")
        }
    if "keras" in paths and (not weights or not own_layers(folder / paths["keras"])):
        for entry in weights.values():
            entry["parent"] = "keras_v3"
        weights["keras_v3"] = _keras(folder, paths["keras"])
    return weights


def _file(folder: Path, name: str) -> dict[str, Any]:
    return {"source": name, "sha256": sha256_of(inside(folder, name))}


def _onnx(folder: Path, name: str) -> dict[str, Any]:
    import onnx

    model = onnx.load(inside(folder, name), load_external_data=False)
    opset = max(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
    return _file(folder, name) | {"opset_version": opset}


def _keras(folder: Path, name: str) -> dict[str, Any]:
    with zipfile.ZipFile(inside(folder, name)) as archive:
        written_by = json.loads(archive.read("metadata.json"))["keras_version"]
    row = _file(folder, name)
    row |= {
        "keras_version": str(written_by),
        "backend": ["tensorflow", installed_version("tensorflow")],
    }
    if own := own_layers(folder / name):
        row["comment"] = f"Needs layers beyond Keras, registered first: {', '.join(own)}."
    return row
