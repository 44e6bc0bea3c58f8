"""``--runtime auto``: the network in the runtime that is fastest on this machine."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hrpn_tf.config import Config
from hrpn_tf.runs import RunSlide
from hrpn_tf.text import printable
from hrpn_tf.workflows.networks.network import Network
from hrpn_tf.workflows.networks.remembered import Speed, Speeds, forget, key_of, recall, remember
from hrpn_tf.workflows.networks.trial import try_network

if TYPE_CHECKING:
    from hrpn_export import Contract, Session
    from hrpn_export.calibrated_range import CalibratedRange

    from hrpn_tf.evaluation.out_of_distribution import TrainingProfile
    from hrpn_tf.prediction import PredictionSummary

logger = logging.getLogger(__name__)

AUTO = "auto"
# A trial takes seconds; fewer pixels than this are not worth one.
_WORTH_A_TRIAL = 8_000_000
# Runtimes that take seconds to start. They are tried only if the prediction takes so much longer
# in any other one, s, that a faster network could make up for it.
_SLOW_STARTS = ("keras", "tensorflow")
_WORTH_A_SLOW_START = 30.0
# A runtime that is so many times slower than remembered is measured again by the next command.
_SLOWER = 2.0


@dataclass(frozen=True)
class AutoNetwork:
    """Several networks that predict the same, of which the fastest is used; see ``Network``.

    Attributes:
        candidates: at least one, the usual one first.
    """

    candidates: tuple[Network, ...]

    @property
    def folder(self) -> Path:
        """See ``Network``."""
        return self._first.folder

    @property
    def default_out(self) -> Path | None:
        """See ``Network``."""
        return self._first.default_out

    @property
    def command(self) -> str:
        """See ``Network``."""
        return self._first.command

    def caution(self) -> str | None:
        """See ``Network``."""
        return self._first.caution()

    def absolute(self) -> "AutoNetwork":
        """See ``Network``."""
        return replace(self, candidates=tuple(each.absolute() for each in self.candidates))

    def config(self, overrides: Sequence[str]) -> Config:
        """See ``Network``."""
        return self._first.config(overrides)

    def contract(self) -> "Contract":
        """See ``Network``."""
        return self._first.contract()

    def subsets(self) -> dict[str, str]:
        """See ``Network``."""
        return self._first.subsets()

    def default_slides(self, config: Config) -> tuple[RunSlide, ...]:
        """See ``Network``."""
        return self._first.default_slides(config)

    def origin(self) -> dict[str, str]:
        """See ``Network``; that of the usual candidate."""
        return self._first.origin()

    def training_profile(self) -> "TrainingProfile | None":
        """See ``Network``."""
        return self._first.training_profile()

    def calibrated_range(self) -> "CalibratedRange | None":
        """See ``Network``."""
        return self._first.calibrated_range()

    def coarsest(self) -> float | None:
        """See ``Network``."""
        return self._first.coarsest()

    def ran_by(self) -> str:
        """See ``Network``; that of the usual candidate."""
        return self._first.ran_by()

    def load(self, threads: int | None) -> "Session":
        """See ``Network``; of the usual candidate. :meth:`settled` chooses one."""
        return self._first.load(threads)

    def state(self) -> int:
        """See ``Network``."""
        return self._first.state()

    def made(self, model: Mapping[str, Any]) -> Network | None:
        """The candidate that made a result.

        Args:
            model: what the metadata of the result state of its network.

        Returns:
            None if none of them did.
        """
        of_file = [
            each for each in self.candidates if each.origin()["sha256"] == model.get("sha256")
        ]
        runtime = str(model.get("runtime", "")).partition(" ")[0]
        return next((each for each in of_file if each.ran_by() == runtime), None) or next(
            iter(of_file), None
        )

    def settled(self, pixels: int) -> "Choice":
        """The fastest candidate for so many pixels; a line says which, and why.

        Runtimes are tried once, and what was measured is remembered for this network and machine.

        One that is installed and cannot be imported, as with a missing library, is passed over.

        Args:
            pixels: of all slides to predict.
        """
        choice = self._fastest(pixels)
        name = choice.network.ran_by()
        others = tuple(each for each in self.candidates if each.ran_by() != name)
        # TensorFlow is imported where it is used, and is the last resort
        if not others or name in _SLOW_STARTS or (reason := _not_imported(name)) is None:
            return choice
        logger.warning(f"{self.folder}: {name} cannot be loaded ({reason}); another is taken")
        return replace(self, candidates=others).settled(pixels)

    def _fastest(self, pixels: int) -> "Choice":
        """See :meth:`settled`."""
        names = [_name(each) for each in self.candidates]
        key = key_of([identity(each) for each in self.candidates])
        speeds = {name: speed for name, speed in recall(key).items() if name in names}
        how = "remembered"
        if pixels >= _WORTH_A_TRIAL and self._try_missing(speeds, pixels):
            if any(speeds.values()):  # or else it is the machine: no memory, no disk, too busy
                remember(key, speeds)
            how = "measured now"
        known = {name: speed for name, speed in speeds.items() if speed is not None}
        if not known:
            return Choice(self._without_trial(speeds))
        best = min(known, key=lambda name: known[name].seconds(pixels))
        logger.info(f"{self.folder}: {_in_words(best, known)}; {how}; --runtime takes another")
        return Choice(self.candidates[names.index(best)], known[best], key)

    def _try_missing(self, speeds: Speeds, pixels: int) -> bool:
        """Try candidates that are not known and may be the fastest; whether any was tried."""
        quick = [each for each in self.candidates if each.ran_by() not in _SLOW_STARTS]
        tried = False
        for each in quick:
            if _name(each) not in speeds:
                speeds[_name(each)], tried = try_network(each), True
        known = [speed.seconds(pixels) for speed in speeds.values() if speed is not None]
        for each in self.candidates:
            if each in quick or _name(each) in speeds or not quick:
                continue
            if min(known, default=_WORTH_A_SLOW_START) >= _WORTH_A_SLOW_START:
                speeds[_name(each)], tried = try_network(each), True
        return tried

    def _without_trial(self, speeds: Speeds) -> Network:
        """The first candidate that is not known to fail."""
        left = [each for each in self.candidates if speeds.get(_name(each), ...) is not None]
        chosen = (left or self.candidates)[0]
        logger.info(f"{self.folder}: runs in {_name(chosen)}; --runtime takes another")
        return chosen

    @property
    def _first(self) -> Network:
        return self.candidates[0]


@dataclass(frozen=True)
class Choice:
    """The candidate that was chosen.

    Attributes:
        network: the candidate.
        speed: how fast it was when it was measured; None if it was not.
        key: what the measurement depends on.
    """

    network: Network
    speed: Speed | None = None
    key: Mapping[str, Any] | None = None

    def compare(self, network: Network, summary: "PredictionSummary") -> None:
        """Forget a measurement that no longer holds: the next command measures again.

        Args:
            network: what predicted a slide in this process.
            summary: of that slide.
        """
        if self.speed is None or self.key is None or not summary.computed:
            return
        if network != self.network:  # it went on with what had begun the slide
            return
        tiling = summary.tiling
        tiles = summary.computed * len(tiling.block(0).tiles) * (8 if summary.symmetries else 1)
        # empty tiles are not computed, so this is the least that it was
        pixels = tiles * tiling.shape[0] * tiling.shape[1]
        if pixels < _WORTH_A_TRIAL:  # the first run, which allocates and compiles, takes too much
            return
        per_mpx = summary.session_seconds / (pixels / 1e6)
        if per_mpx > _SLOWER * self.speed.per_mpx:
            forget(self.key)
            logger.info(
                f"{_name(self.network)} took {per_mpx:.2g} s per megapixel, and "
                f"{self.speed.per_mpx:.2g} when it was chosen; the next prediction measures again"
            )


def settled(network: Network, pixels: int) -> Choice:
    """The network that predicts; see :meth:`AutoNetwork.settled`."""
    return network.settled(pixels) if isinstance(network, AutoNetwork) else Choice(network)


def as_before(network: AutoNetwork, made_with: Mapping[str, Any] | None) -> Network:
    """The candidate that made a result, or began it; the network itself if none did.

    Args:
        network: the candidates.
        made_with: what the result states of its network; None without a result.
    """
    return network if made_with is None else network.made(made_with) or network


def _name(network: Network) -> str:
    """Runtime of a network, with what it runs if that is part of a bundle."""
    kind, precision = getattr(network, "format", None), getattr(network, "precision", None)
    return network.ran_by() if kind is None else f"{network.ran_by()} ({kind} {precision})"


def identity(network: Network) -> str:
    """Checksum of a network, what runs it, and the version of that."""
    return f"{network.origin()['sha256']} {_name(network)}: {runtime_text(network)}"


def runtime_text(network: Network) -> str:
    """Name and installed version of the runtime of a network."""
    from hrpn_export.measure import installed_version
    from hrpn_export.runtimes import find_runtime

    name = network.ran_by()
    return f"{name} {installed_version(find_runtime(name).distribution)}"


def _not_imported(runtime: str) -> str | None:
    """Why the package of a runtime cannot be imported; None if it can."""
    from hrpn_export.runtimes import find_runtime

    try:
        find_runtime(runtime).load()
    except Exception as error:  # noqa: BLE001 (a library may raise anything)
        return printable(error, 160)
    return None


def _in_words(best: str, known: Mapping[str, Speed]) -> str:
    """The runtime with its speed, and those of the others.

    >>> _in_words("openvino", {"onnxruntime": Speed(0.6, 0.5), "openvino": Speed(1, 0.375)})
    'runs in openvino, 0.38 s per megapixel (onnxruntime 0.5)'
    """
    others = [f"{name} {speed.per_mpx:.2g}" for name, speed in known.items() if name != best]
    more = f" ({', '.join(others)})" if others else ""
    return f"runs in {best}, {known[best].per_mpx:.2g} s per megapixel{more}"
