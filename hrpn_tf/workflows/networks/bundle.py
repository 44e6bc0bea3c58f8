"""One format of a bundle as a network for predictions."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hrpn_tf.config import Config, config_of
from hrpn_tf.console import load_tensorflow
from hrpn_tf.errors import CalibrationError, UsageError
from hrpn_tf.kinds import refuse_other_kind
from hrpn_tf.runs import RunSlide
from hrpn_tf.runs.folder import TRAINING_PROFILE

if TYPE_CHECKING:
    from hrpn_export import Bundle, Contract, Session
    from hrpn_export.calibrated_range import CalibratedRange

    from hrpn_tf.evaluation.out_of_distribution import TrainingProfile

# Intensities; rounding errors of a network whose output does not depend on the tile are smaller.
_SEAM = 0.01


@dataclass(frozen=True)
class BundleNetwork:
    """One format of a bundle.

    Attributes:
        folder: the bundle, a folder or a .zip.
        format, precision: of the artefact.
        runtime: name of the runtime; None for the usual one of the format.
        device: ``cpu``, ``cuda``, ``cuda:1``, ``tensorrt``.
        uncertified: whether a format that failed certification may be used.
        intervals: whether lower and upper bounds are predicted as well.
    """

    folder: Path
    format: str = "onnx"
    precision: str = "fp32"
    runtime: str | None = None
    device: str = "cpu"
    uncertified: bool = False
    intervals: bool = False

    @property
    def default_out(self) -> None:
        """None, since results are never written into a bundle."""
        return None

    def caution(self) -> str | None:
        """Warns if the certificate of the format measured visible tiles."""
        entry = self._bundle().certificate.entry(self.format, self.precision, self.runtime)
        if entry is None or entry.seam_error is None or entry.seam_error <= _SEAM:
            return None
        return (
            f"{self.format} {self.precision} depends on its tile by up to {entry.seam_error:.2g} "
            "grey levels (certificate): its ranges are taken from each tile; faint seams may remain"
        )

    def absolute(self) -> "BundleNetwork":
        """See ``Network``."""
        return replace(self, folder=self.folder.absolute())

    def config(self, overrides: Sequence[str]) -> Config:
        """See ``Network``; the defaults, if the bundle states no configuration.

        Raises:
            DamagedBundleError, ConfigError: the bundle, or the configuration in it, is damaged.
        """
        manifest = self._bundle().manifest
        inputs = {"data": {"inputs": list(manifest.read_contract().inputs)}}
        stated = self._stated("configuration", inputs)
        return config_of(json.loads(json.dumps(stated)), overrides, str(self.folder))

    def contract(self) -> "Contract":
        """See ``Network``.

        Raises:
            BundleError: the format is not in the bundle, or not certified.
            CalibrationError: intervals are requested, but the bundle has none.
        """
        from hrpn_export.bundle import runtime_of
        from hrpn_export.errors import CertificateError

        bundle = self._bundle()
        bundle.artefact(self.format, self.precision)
        runtime_of(self.format, self.runtime, self.precision)
        problem = bundle.certificate.problem(self.format, self.precision, self.runtime)
        if problem and not self.uncertified:
            raise CertificateError(f"{self.folder}: {problem}")
        contract = bundle.contract
        if not self.intervals:
            return contract.without_intervals()
        if contract.coverage is None:
            raise CalibrationError(
                f"{self.folder}: the network has no prediction intervals; leave out --intervals, "
                "or export a run again after hrpn-tf calibrate"
            )
        return contract

    def subsets(self) -> dict[str, str]:
        """See ``Network``."""
        stated = self._stated("groups", {})
        return {str(group): str(subset) for group, subset in stated.items()}

    def default_slides(self, config: Config) -> tuple[RunSlide, ...]:
        """See ``Network``.

        Raises:
            UsageError: always, since a bundle holds no slide list.
        """
        raise UsageError(f"{self.folder}: a bundle names no slides; name some to predict")

    def origin(self) -> dict[str, str]:
        """See ``Network``; the checksum is that of the file, or of a list of all files' checksums.

        ``trained`` is the checksum of the training's ``best.keras``.
        """
        bundle = self._bundle()
        path = bundle.artefact(self.format, self.precision).path
        files = bundle.manifest.files
        if (checksum := files.get(path)) is None:
            lines = [f"{name} {files[name]}\n" for name in sorted(files) if name.startswith(path)]
            checksum = hashlib.sha256("".join(lines).encode()).hexdigest()
        network = self._stated("network", {})
        trained = network.get("trained", network.get("sha256"))
        return {
            "file": path,
            "bundle": bundle.manifest.name,
            "sha256": checksum,
            **({} if trained is None else {"trained": str(trained)}),
            **({"intervals": f"{bundle.contract.coverage}"} if self.intervals else {}),
        }

    def training_profile(self) -> "TrainingProfile | None":
        """See ``Network``; the file is verified by the checksum in the manifest."""
        from hrpn_tf.evaluation.out_of_distribution import load_profile

        bundle = self._bundle()
        if TRAINING_PROFILE not in bundle.manifest.files:
            return None
        return load_profile(bundle.path / TRAINING_PROFILE)

    def calibrated_range(self) -> "CalibratedRange | None":
        """See ``Network``."""
        from hrpn_export.calibrated_range import CalibratedRange

        bundle = self._bundle()
        artefact = bundle.artefact(self.format, self.precision)
        return CalibratedRange.of(artefact, len(bundle.contract.inputs))

    def coarsest(self) -> None:
        """None, since its contract states the pixel size that it takes."""
        return None

    def certified(self) -> "list[BundleNetwork]":
        """Every format in this precision, in every runtime that is installed and certified.

        A browser is left out: the network computes in another process there, on one thread.
        """
        from hrpn_export.formats import FORMATS
        from hrpn_export.runtimes import find_runtime

        bundle = self._bundle()
        found = []
        for artefact in bundle.manifest.artefacts:
            row = FORMATS.get(artefact.format)
            if row is None or artefact.precision != self.precision:
                continue
            for name in row.runtimes:
                runtime = find_runtime(name)
                fits = runtime.here and runtime.runs(self.precision)
                fits = fits and self.device in runtime.devices
                problem = bundle.certificate.problem(artefact.format, self.precision, name)
                if fits and runtime.installed and problem is None:
                    found.append(replace(self, format=artefact.format, runtime=name))
        return found

    def with_format_of(self, runtime: str) -> "BundleNetwork":
        """The same in a format of the bundle that a runtime runs, if there is one.

        Raises:
            FormatError: there is no such runtime.
        """
        from hrpn_export.formats import FORMATS
        from hrpn_export.runtimes import find_runtime

        find_runtime(runtime)
        for artefact in self._bundle().manifest.artefacts:
            row = FORMATS.get(artefact.format)
            fits = row is not None and runtime in row.runtimes
            if fits and artefact.precision == self.precision:
                return replace(self, format=artefact.format)
        return self

    def ran_by(self) -> str:
        """See ``Network``."""
        from hrpn_export.bundle import runtime_of

        return runtime_of(self.format, self.runtime, self.precision)

    def load(self, threads: int | None) -> "Session":
        """See ``Network``."""
        from hrpn_export import open_session
        from hrpn_export.intervals import WithoutIntervals

        if self.format in ("keras", "saved_model"):
            load_tensorflow()
        session = open_session(
            self._bundle(),
            self.format,
            self.precision,
            device=self.device,
            threads=threads,
            runtime=self.runtime,
            certified=not self.uncertified,
        )
        if self.intervals or session.contract.coverage is None:
            return session
        return WithoutIntervals(session)

    def state(self) -> int:
        """See ``Network``."""
        return changed(self.folder)

    def _stated(self, key: str, default: dict[str, Any]) -> dict[str, Any]:
        """What the bundle says of its training under a key, whose value may be anything.

        Raises:
            DamagedBundleError: the value is no object with keys.
        """
        from hrpn_export.errors import DamagedBundleError

        stated = self._bundle().manifest.provenance.get(key, default)
        if not isinstance(stated, dict):
            raise DamagedBundleError(
                f"{self.folder}: bundle.json: provenance.{key} must be an object with keys; "
                "export again"
            )
        return stated

    def _bundle(self) -> "Bundle":
        refuse_other_kind(self.folder, "bundle")
        return open_once(self.folder)


def open_once(folder: Path) -> "Bundle":
    """Open a bundle; the last one is kept, until it changes.

    Raises:
        DamagedBundleError: see ``open_bundle``.
    """
    return _open_bundle(folder.absolute(), changed(folder))


@lru_cache(maxsize=1)
def _open_bundle(path: Path, changed: int) -> "Bundle":
    """Open a bundle once; opening reads and verifies every file."""
    from hrpn_export import open_bundle

    return open_bundle(path)


def changed(bundle: Path) -> int:
    """When a bundle was written, ns; 0 if there is none."""
    path = bundle if bundle.is_file() else bundle / "bundle.json"
    return path.stat().st_mtime_ns if path.exists() else 0
