"""What a bundle says of its network, and the files that it carries beside it."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hrpn_tf._version import __version__
from hrpn_tf.runs import Run
from hrpn_tf.text import in_shell
from hrpn_tf.workflows.export.options import ExportOptions
from hrpn_tf.workflows.export.publication import Author, Publication, read_publication
from hrpn_tf.workflows.networks.ensemble import EnsembleNetwork
from hrpn_tf.workflows.networks.run import RunNetwork

if TYPE_CHECKING:
    from hrpn_export import About, Person

    from hrpn_tf.data.store import PatchStore

logger = logging.getLogger(__name__)


def about_network(
    network: RunNetwork | EnsembleNetwork,
    name: str,
    store: "PatchStore",
    scratch: Path,
    options: ExportOptions,
) -> "About":
    """What the bundle says of the network, and the files that it carries beside it."""
    from hrpn_export import About

    stated = Publication() if options.about is None else read_publication(options.about)
    run, contract = runs_of(network)[0], network.contract()
    if isinstance(network, EnsembleNetwork):
        more: dict[str, Any] = {"members": network.members()}
    else:
        more = {"calibration": _calibrated(run)} if network.intervals else {}
    return About(
        name=name,
        licence=options.licence or stated.licence or About.licence,
        authors=(*options.authors, *map(_person, stated.authors)),
        maintainers=tuple(map(_person, stated.maintainers)),
        tags=stated.tags,
        covers=stated.covers,
        cite=tuple({"text": one.text, "doi": one.doi} for one in stated.cite),
        repository=stated.repository,
        program=f"hrpn-tf {__version__}",
        provenance={
            "network": network.origin(),
            "groups": network.subsets(),
            "store": {"fingerprint": store.manifest.fingerprint, "dtype": store.manifest.dtype},
            "configuration": run.config.model_dump(mode="json"),
            **more,
        },
        description=stated.description or _description(name, contract.inputs, contract.outputs),
        files=_attached(network, scratch),
    )


def _person(author: Author) -> "Person":
    from hrpn_export import Person

    return Person(**author.model_dump())


def runs_of(network: RunNetwork | EnsembleNetwork) -> tuple[Run, ...]:
    """The runs of a network, one or several."""
    return network.runs if isinstance(network, EnsembleNetwork) else (network.run,)


def _calibrated(run: Run) -> dict[str, Any]:
    """Calibration record of a bundle; slides by name only."""
    record = run.calibration.record
    kept = ("coverage", "guarantee", "method", "groups", "correction", "coverage_table")
    return {key: record[key] for key in kept}


def _attached(network: RunNetwork | EnsembleNetwork, scratch: Path) -> dict[str, Path]:
    """Further files of a bundle for ``hrpn-tf predict``."""
    lacking = [run for run in runs_of(network) if not run.training_profile.is_file()]
    if lacking:
        logger.warning(
            f"{lacking[0]} has no training profile for the bundle; hrpn-tf describe-training "
            f"{in_shell(lacking[0])} makes one"
        )
        return {}
    if isinstance(network, RunNetwork):
        path = network.run.training_profile
        return {path.name: path}
    profile = network.training_profile()
    if profile is None:
        logger.warning("the training profiles are of other windows; the bundle has none")
        return {}
    from hrpn_tf.evaluation.out_of_distribution import save_profile

    path = scratch / network.runs[0].training_profile.name
    save_profile(profile, path)
    return {path.name: path}


def _description(name: str, inputs: Sequence[str], outputs: Sequence[str]) -> str:
    return f"{name}: predicts {' and '.join(outputs)} from {' and '.join(inputs)}, pixel by pixel"
