"""Measure how far a session is from the Keras model, and how that affects its errors."""

from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import numpy as np

from hrpn_export.agreement import Sums
from hrpn_export.certificate import CertificateEntry, Measured, Stress
from hrpn_export.contract import Contract
from hrpn_export.errors import ContractError
from hrpn_export.evidence import Evidence
from hrpn_export.intervals import Coverage
from hrpn_export.manifest import one_line
from hrpn_export.runtimes import find_runtime
from hrpn_export.session import Session, run_checked
from hrpn_export.speed import relative_time, timed_side
from hrpn_export.tracing import batch_of, symbolic_sizes

if TYPE_CHECKING:
    import keras

# Factors of the grey levels, and most pixels, of the images that are brighter than the patches.
GAINS, _PIXELS = (1.5, 3.0), 2**19
# Patches are predicted a few at a time: some runtimes hold every layer of a batch.
_BATCH = 4


class ReferenceSession:
    """The unchanged Keras model: float32, run by Keras, nothing folded.

    Args:
        model: maps (N, H, W, inputs) to (N, H, W, outputs), grey levels.
        contract: contract of the model.
    """

    def __init__(self, model: "keras.Model", contract: Contract) -> None:
        import tensorflow as tf

        self.contract = contract
        signature = [batch_of(len(contract.inputs))]
        run = tf.function(lambda batch: model(batch, training=False), input_signature=signature)
        with symbolic_sizes():
            self._run = run.get_concrete_function()

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        """Predict one batch; see ``Session``."""
        return run_checked(self.contract, batch, self._predict)

    def _predict(self, batch: np.ndarray) -> np.ndarray:
        import tensorflow as tf

        try:
            result: np.ndarray = self._run(tf.constant(batch)).numpy()
        except tf.errors.InvalidArgumentError as error:
            height, width = batch.shape[1:3]
            raise ContractError(
                f"the model cannot predict {height} x {width} px, although its contract says "
                f"multiples of {self.contract.stride_multiple}: {one_line(error.message)}"
            ) from None
        return result


class Measurement:
    """Measures any number of sessions against one reference, which predicts the patches once.

    Args:
        reference: session of the float32 Keras model.
        evidence: images and their targets.

    Raises:
        ContractError: the evidence does not fit the contract.
    """

    def __init__(self, reference: Session, evidence: Evidence) -> None:
        evidence.check(reference.contract)
        self.contract = reference.contract
        self.evidence = evidence
        self._patches = _by_parts(reference, evidence.patches)
        self._reference = reference
        side = timed_side(evidence.patches.shape[1], self.contract.stride_multiple)
        self._tile = np.ascontiguousarray(mosaic(evidence.patches, side)[None], np.float32)
        points = self.contract.points
        self._bright = [
            (what, gain, images, _by_parts(reference, images)[..., :points])
            for what, gain, images in brightened(evidence.patches, self.contract.grey_max)
        ]

    def entry(
        self, session: Session, format: str, precision: str, runtime: str
    ) -> CertificateEntry:
        """Measure one session.

        Args:
            session: session of the format.
            format, precision: which artefact.
            runtime: name of the runtime.

        Raises:
            ContractError: the bands of a slide differ in shape, or a slide has no pixels.
        """
        row = find_runtime(runtime)
        ours = _by_parts(session, self.evidence.patches)
        measured = [self._measured("patches", [(self._patches, ours, self.evidence.targets)])]
        for slide in self.evidence.slides:
            parts = (slide.predict(self._reference), slide.predict(session), slide.target())
            measured.append(self._measured(slide.name, zip(*parts, strict=True)))
        return CertificateEntry(
            format=format,
            precision=precision,
            runtime=runtime,
            version=getattr(session, "version", None) or installed_version(row.distribution),
            device=row.devices[0],
            measured=tuple(measured),
            stress=tuple(self._stressed(session, *each) for each in self._bright),
            seam_error=seam_error(session, self.evidence.patches),
            relative_time=relative_time(session, self._reference, self._tile),
        )

    def _stressed(
        self,
        session: Session,
        what: str,
        gain: float | None,
        images: np.ndarray,
        expected: np.ndarray,
    ) -> Stress:
        ours = _by_parts(session, images)[..., : expected.shape[-1]]
        apart = np.abs(ours.astype(np.float64) - expected)
        return Stress(what=what, gain=gain, largest=float(apart.max()), mean=float(apart.mean()))

    def _measured(
        self, what: str, pieces: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]]
    ) -> Measured:
        """The metrics of pieces of the reference, the candidate and the truth (..., channels)."""
        points, sums = self.contract.points, Sums(self.contract.grey_max)
        bounds = Coverage(), Coverage()
        for reference, candidate, truth in pieces:
            sums.add(reference[..., :points], candidate[..., :points], truth)
            if self.contract.coverage is not None:
                for counted, prediction in zip(bounds, (reference, candidate), strict=True):
                    counted.add(prediction, truth)
        if not sums.pixels:
            raise ContractError(f"{what}: the slide of a certificate has no pixels")
        return Measured.of(what, sums, None if self.contract.coverage is None else bounds)


def seam_error(session: Session, patches: np.ndarray) -> float | None:
    """Largest difference between a part predicted alone and within other surroundings.

    Pixels nearer to the part's border than half the receptive field are left out, as in a tiled
    prediction. Apart from rounding the error is 0 if no pixel depends on its tile.

    Args:
        session: session of a network with a receptive field.
        patches: (N, H, W, inputs) grey levels, joined side by side to a larger image.

    Returns:
        The error in grey levels; None if the network has no receptive field, or is not exact in
        tiles.
    """
    contract = session.contract
    if contract.receptive_field is None or not contract.tile_exact:
        return None
    step, halo = contract.stride_multiple, contract.receptive_field // 2 + 1
    # a part of at least four strides within its halo, off centre so that nothing is symmetric
    side = -(-(2 * halo + 4 * step) // step) * step
    frame = -(-side // (8 * step)) * step
    place = slice(frame, frame + side)
    image = np.asarray(mosaic(patches, side + 2 * frame), np.float32)
    part = image[place, place].copy()
    # Surroundings of another brightness reveal a dependence on statistics of the tile. They are
    # never black, since networks pad borders with zeros.
    bright = part.mean() > contract.grey_max / 2
    image[:] = contract.grey_max * (0.25 if bright else 1.0)
    image[place, place] = part
    whole = session(image[None])[0, place, place]
    alone = session(part[None])[0]
    inner = slice(halo, side - halo)
    return float(np.abs(whole[inner, inner] - alone[inner, inner]).max())


def brightened(patches: np.ndarray, grey_max: float) -> list[tuple[str, float | None, np.ndarray]]:
    """The brightest patches with a gain, and one image of the largest grey level everywhere.

    Ranges that were fitted to other images, as those of int8, end somewhere below.

    Args:
        patches: (N, H, W, inputs) grey levels.
        grey_max: largest grey level, which the images do not exceed.

    Returns:
        Name, gain (None for the image of the largest grey level) and images (n, H, W, inputs).
    """
    count = max(1, _PIXELS // int(np.prod(patches.shape[1:3])))
    order = np.argsort(-patches.mean(axis=(1, 2, 3)), kind="stable")
    brightest = np.asarray(patches[order[:count]], np.float32)
    found: list[tuple[str, float | None, np.ndarray]] = [
        (f"gain {gain:g}", gain, np.minimum(brightest * np.float32(gain), np.float32(grey_max)))
        for gain in GAINS
    ]
    return [*found, ("saturated", None, np.full_like(brightest[:1], grey_max))]


def mosaic(patches: np.ndarray, side: int) -> np.ndarray:
    """An image (side, side, C) of patches (N, H, W, C) side by side, repeated as needed."""
    count, height, width, _ = patches.shape
    rows, columns = -(-side // height), -(-side // width)
    numbers = np.arange(rows * columns).reshape(rows, columns) % count
    image = np.concatenate(
        [np.concatenate([patches[n] for n in row], axis=1) for row in numbers], axis=0
    )
    return image[:side, :side]


def _by_parts(session: Callable[[np.ndarray], np.ndarray], patches: np.ndarray) -> np.ndarray:
    parts = range(0, len(patches), _BATCH)
    return np.concatenate([session(patches[i : i + _BATCH]) for i in parts])


def installed_version(distribution: str) -> str:
    """Version of a package, whose builds for the CPU or a GPU may have other names."""
    for name in (distribution, f"{distribution}-cpu", f"{distribution}-gpu"):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return "unknown"
