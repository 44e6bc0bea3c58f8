"""Whether every format of the trained networks agrees with Keras: their certificates."""

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.study.commands import CommandFailedError, Deadline, Spent, call
from experiments.study.design import Design, asked
from experiments.study.record import write_json
from experiments.study.slides import Place
from experiments.study.testing import run_of

FILE = "certificates.json"
Certificates = Mapping[str, Sequence[Mapping[str, Any]]]  # piece: one for each format and runtime


def measure_certificates(
    design: Design, place: Place, deadline: Deadline, only: Sequence[str] = ()
) -> Path:
    """Export one seed of every finished network, in every format: the first whose run is there.

    Args:
        design: of the study.
        place: of runs and records; gets ``certificates.json``, whose other entries are kept. A
            network that has an entry is left out.
        deadline: when to stop.
        only: names or prefixes of pieces; all if empty.
    """
    found = dict(read_certificates(place.records))
    for piece in design.pieces():
        network = piece.name.removesuffix(f"-{piece.seed}")
        known = entries_of(found, network)
        run = run_of(piece, place) if asked(piece.name, only) and not known else None
        if run is None:
            continue
        with tempfile.TemporaryDirectory() as folder:
            found[piece.name] = _exported(run, Path(folder) / "bundle", deadline)
        write_json(found, place.records / FILE)
    return place.records / FILE


def read_certificates(records: Path) -> Certificates:
    """What was measured so far."""
    path = records / FILE
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def entries_of(found: Certificates, network: str) -> list[Mapping[str, Any]]:
    """The entries of a network, ``DATA/NETWORK``, whatever its seed.

    Example:
        >>> entries_of({"dextran/hrpn-m-2": [{"problem": None}]}, "dextran/hrpn-m")
        [{'problem': None}]
    """
    seeds = re.compile(rf"{re.escape(network)}-\d+")
    return [each for piece, all_ in found.items() if seeds.fullmatch(piece) for each in all_]


def uncertified(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """The formats that some runtime gives wrongly, or that could not be made, in words."""
    return [
        f"{each['format']} {each['precision']} in {each['runtime']}: {each['problem']}"
        for each in entries
        if each["problem"]
    ]


def _exported(run: Path, bundle: Path, deadline: Deadline) -> list[dict[str, Any]]:
    from hrpn_export import open_bundle

    command = ["export", str(run), "--out", str(bundle), "--uncertified"]
    try:
        call(command, deadline, Spent())
    except CommandFailedError:  # a converter failed; the certificate of the others is there
        if not bundle.is_dir():
            raise
    return [
        {
            "format": entry.format,
            "precision": entry.precision,
            "runtime": entry.runtime,
            "version": entry.version,
            "problem": entry.problem,
            "largest": max((each.largest for each in entry.measured), default=None),
            "mse_change": max((each.mse_change for each in entry.measured), default=None),
        }
        for entry in open_bundle(bundle).certificate.entries
    ]
