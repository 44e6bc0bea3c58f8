"""``--runtime auto``: of networks that predict the same, the one that is fastest here."""

import importlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hrpn_tf.text import printable
from hrpn_tf.workflows.networks.remembered import (
    Measured,
    Measurements,
    forget,
    key_of,
    recall,
    remember,
)
from hrpn_tf.workflows.networks.trial import try_network
from hrpn_tf.workflows.networks.work import Needs, Work

# the command line of serve takes AUTO alone, and need not wait for NumPy
if TYPE_CHECKING:
    from hrpn_tf.prediction import PredictionSummary
    from hrpn_tf.workflows.networks.network import Network

logger = logging.getLogger(__name__)

AUTO = "auto"
# A trial takes seconds; fewer pixels than this are not worth one.
_WORTH_A_TRIAL = 8_000_000
# Runtimes that take seconds to start. They are tried only if the prediction takes so much longer
# in any other one, s, that a faster network could make up for it.
_SLOW_STARTS = ("keras", "tensorflow")
_WORTH_A_SLOW_START = 30.0
_STEADY_MEMORY = ("onnxruntime", "openvino")
# Times, or bytes, that differ by less than this share are equal: a trial is not more exact.
_NOISE = 0.1
# A runtime that is so many times slower than remembered is measured again by the next command.
_SLOWER = 2.0


@dataclass(frozen=True)
class Candidates:
    """Networks that predict the same; :meth:`choose` says which one to use.

    They differ in what runs them alone. Contract, configuration, slides and messages are those of
    any of them, so that a prediction is prepared with the usual one.

    Attributes:
        networks: at least one, the usual one first.
    """

    networks: "tuple[Network, ...]"

    @property
    def usual(self) -> "Network":
        """What is used unless another is known to be better."""
        return self.networks[0]

    def absolute(self) -> "Candidates":
        """The same with absolute paths."""
        return Candidates(tuple(each.absolute() for each in self.networks))

    def made(self, model: Mapping[str, Any] | None) -> "Network | None":
        """The candidate that made a result, or began it.

        Args:
            model: what the metadata of the result state of its network; None without a result.

        Returns:
            None if none of them did.
        """
        if model is None:
            return None
        of_file = [each for each in self.networks if each.origin()["sha256"] == model.get("sha256")]
        runtime = str(model.get("runtime", "")).partition(" ")[0]
        return next((each for each in of_file if each.ran_by() == runtime), None) or next(
            iter(of_file), None
        )

    def choose(self, work: Work) -> "Choice":
        """The fastest candidate whose memory fits; of equally fast ones that with the least memory.

        Runtimes are tried once, and what was measured is remembered for this network and machine.
        The choice is made anew each time, since the limit of the memory may be another.

        One that is installed and cannot be imported, as with a missing library, is passed over.

        Args:
            work: what is to be predicted.
        """
        if len(self.networks) == 1:
            return Choice(self.usual)
        choice = self._best(work)
        name = choice.network.ran_by()
        others = tuple(each for each in self.networks if each.ran_by() != name)
        # TensorFlow is imported where it is used, and is the last resort
        if not others or name in _SLOW_STARTS or (reason := _not_imported(name)) is None:
            return choice
        folder = choice.network.folder
        logger.warning(f"{folder}: {name} cannot be loaded ({reason}); another is taken")
        return Candidates(others).choose(work)

    def _best(self, work: Work) -> "Choice":
        """See :meth:`choose`."""
        names = [name_of(each) for each in self.networks]
        key = key_of([_identity(each) for each in self.networks])
        found = {name: each for name, each in recall(key).items() if name in names}
        how, passing = "remembered", set[str]()
        if work.pixels >= _WORTH_A_TRIAL and self._try_missing(found, work, passing):
            lasting = {name: each for name, each in found.items() if name not in passing}
            if any(lasting.values()):  # or else it is the machine: no disk, too busy
                remember(key, lasting)
            how = "measured now"
        known = {name: each for name, each in found.items() if each is not None}
        folder, more = self.usual.folder, "--runtime takes another"
        if not known:
            first = self._without_trial(found)
            return Choice(first, f"{folder}: runs in {name_of(first)}; {more}")
        needs = {name: work.needs(each, self.usual.contract()) for name, each in known.items()}
        best = _fastest(needs) or min(known, key=lambda name: known[name].loaded_bytes)
        why = f"{folder}: {_in_words(best, known, needs)}; {how}; {more}"
        return Choice(self.networks[names.index(best)], why, known[best], key)

    def _try_missing(self, found: Measurements, work: Work, passing: set[str]) -> bool:
        """Try candidates that are not known and may be the fastest; whether any was tried.

        Args:
            found: what is known, to which it is added.
            work: what is to be predicted.
            passing: the names of those that failed for a reason that may pass are added to it.
        """
        contract = self.usual.contract()
        quick = [each for each in self.networks if each.ran_by() not in _SLOW_STARTS]
        tried = False
        for each in quick:
            if name_of(each) not in found:
                found[name_of(each)], tried = _tried(each, passing), True
        for each in self.networks:
            if each in quick or name_of(each) in found or not quick:
                continue
            needs = [work.needs(known, contract) for known in found.values() if known is not None]
            fastest = min((need.seconds for need in needs if need), default=_WORTH_A_SLOW_START)
            if fastest >= _WORTH_A_SLOW_START:
                found[name_of(each)], tried = _tried(each, passing), True
        return tried

    def _without_trial(self, found: Measurements) -> "Network":
        """The first candidate that is not known to fail."""
        left = [each for each in self.networks if found.get(name_of(each), ...) is not None]
        return (left or self.networks)[0]


@dataclass(frozen=True)
class Choice:
    """The candidate that was chosen.

    Attributes:
        network: the candidate.
        why: says which it is, and why, in one line; empty if there was no choice.
        measured: what was measured of it; None if it was not.
        key: what the measurement depends on.
    """

    network: "Network"
    why: str = ""
    measured: Measured | None = None
    key: Mapping[str, Any] | None = None

    def bytes_per_px(self, network: "Network") -> float | None:
        """Memory per pixel as it was measured; None of another network, or if it was not.

        That of TensorFlow and LiteRT depends on what a process has run before.
        """
        if self.measured is None or network != self.network:
            return None
        return self.measured.bytes_per_px if network.ran_by() in _STEADY_MEMORY else None

    def compare(self, network: "Network", summary: "PredictionSummary") -> None:
        """Forget a measurement that no longer holds: the next command measures again.

        Args:
            network: what predicted a slide in this process.
            summary: of that slide.
        """
        if self.measured is None or self.key is None or not summary.computed:
            return
        if network != self.network:  # it went on with what had begun the slide
            return
        tiling = summary.tiling
        tiles = summary.computed * len(tiling.block(0).tiles) * (8 if summary.symmetries else 1)
        # empty tiles are not computed, so this is the least that it was
        pixels = tiles * tiling.shape[0] * tiling.shape[1]
        if pixels < _WORTH_A_TRIAL:  # the first run, which allocates and compiles, takes too much
            return
        now, before = summary.session_seconds / (pixels / 1e6), self.measured.per_mpx
        if now > _SLOWER * before:
            forget(self.key)
            logger.info(
                f"{name_of(self.network)} took {now:.2g} s per megapixel, and {before:.2g} when it "
                "was chosen; the next prediction measures again"
            )


def name_of(network: "Network") -> str:
    """Runtime of a network, with what it runs if that is part of a bundle."""
    kind, precision = getattr(network, "format", None), getattr(network, "precision", None)
    return network.ran_by() if kind is None else f"{network.ran_by()} ({kind} {precision})"


def _tried(network: "Network", passing: set[str]) -> Measured | None:
    """What a trial measures; without enough memory None, and its name is added to ``passing``."""
    try:
        return try_network(network)
    except MemoryError:
        name = name_of(network)
        passing.add(name)
        logger.info(f"{name}: memory ran out in its trial; the next prediction tries it again")
        return None


def _identity(network: "Network") -> str:
    return f"{network.origin()['sha256']} {name_of(network)}: {runtime_text(network)}"


def runtime_text(network: "Network") -> str:
    """Name and installed version of the runtime of a network."""
    from hrpn_export.measure import installed_version
    from hrpn_export.runtimes import find_runtime

    name = network.ran_by()
    return f"{name} {installed_version(find_runtime(name).distribution)}"


def _not_imported(runtime: str) -> str | None:
    """Why the package of a runtime cannot be imported; None if it can."""
    from hrpn_export.runtimes import find_runtime

    row = find_runtime(runtime)
    try:
        row.opener()  # which prepares the import of its package
        importlib.import_module(row.package)
    except Exception as error:  # noqa: BLE001 (a library may raise anything)
        return printable(error, 160)
    return None


def _fastest(needs: Mapping[str, Needs | None]) -> str | None:
    """The fastest runtime but for one that is as fast with less memory; None if none fits.

    >>> _fastest({"litert": Needs(9, 3 * 10**9), "openvino": Needs(9.5, 10**9), "keras": None})
    'openvino'
    """
    fitting = {name: need for name, need in needs.items() if need is not None}
    if not fitting:
        return None
    seconds = (1 + _NOISE) * min(need.seconds for need in fitting.values())
    fast = {name: need for name, need in fitting.items() if need.seconds <= seconds}
    most = (1 + _NOISE) * min(need.bytes for need in fast.values())
    return min(
        (name for name, need in fast.items() if need.bytes <= most),
        key=lambda name: fast[name].seconds,
    )


def _in_words(best: str, known: Mapping[str, Measured], needs: Mapping[str, Needs | None]) -> str:
    """The runtime with its speed and memory, those of the others, and what told them apart."""
    others = [f"{name} {_figures(known[name], needs[name])}" for name in known if name != best]
    more = f" ({'; '.join(others)})" if others else ""
    text = f"runs in {best}, {_figures(known[best], needs[best], ' s per megapixel')}{more}"
    if (own := needs[best]) is None:
        return f"{text}; none fits, this takes the least memory"
    faster = [name for name, need in needs.items() if need and need.seconds < own.seconds]
    return text + (f"; as fast as {' and '.join(faster)}, with less memory" if faster else "")


def _figures(measured: Measured, needs: Needs | None, unit: str = "") -> str:
    """Speed and memory.

    >>> _figures(Measured(1, 0.375, 10**8, 500), Needs(9, 13 * 10**8), " s per megapixel")
    '0.38 s per megapixel, 1.3 GB'
    """
    from hrpn_tf.prediction.planning import in_words

    memory = "too much memory" if needs is None else in_words(needs.bytes)
    return f"{measured.per_mpx:.2g}{unit}, {memory}"
