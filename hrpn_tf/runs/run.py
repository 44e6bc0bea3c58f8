"""A run: the folder of one training, opened once and passed on."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from hrpn_tf.config import Config, config_of
from hrpn_tf.data.splits import Split
from hrpn_tf.errors import CheckpointError, RunError, StoreError
from hrpn_tf.files import sha256
from hrpn_tf.runs import folder as names
from hrpn_tf.runs.calibrated import RECORD, Calibration, read_calibration
from hrpn_tf.runs.configuration import read_config
from hrpn_tf.runs.keras_file import load_keras_file
from hrpn_tf.runs.paths import RunPaths
from hrpn_tf.runs.reading import (
    KeptFiles,
    RunRecords,
    means_of,
    read_history,
    split_of,
    text_of,
)
from hrpn_tf.runs.slides import SUBSETS, RunSlide, listed_slides, stored_slides
from hrpn_tf.text import in_shell

if TYPE_CHECKING:
    import keras
    from hrpn_export import Contract


@dataclass(frozen=True)
class Run(RunPaths):
    """The folder of one training; see :func:`open_run`.

    The configuration is read when the run is opened. Every other file is read when it is first
    needed, since not every run has every file: imported weights have no split, and a training
    that has just begun has no network. What was read is kept, and read again only if the file
    changes. Runs of the same folder are equal.

    Attributes:
        folder: of the run.
        config: resolved, with the overrides of :meth:`with_overrides`.
    """

    config: Config = field(compare=False, repr=False)
    _files: KeptFiles = field(default_factory=KeptFiles, compare=False, repr=False)

    def __str__(self) -> str:
        return str(self.folder)

    def __fspath__(self) -> str:
        return str(self.folder)

    def _repr_html_(self) -> str:
        """For notebooks: the network, its inputs and target, and how far the training is."""
        data = self.config.data
        facts = {
            "network": self.config.model.preset,
            "predicts": f"{data.target} from {', '.join(data.inputs)}",
            "epochs": f"{self.epochs} of {self.config.training.epochs}",
            "calibrated": "yes" if self.is_calibrated else "no",
        }
        rows = "".join(
            f"<tr><th>{name}</th><td>{escape(text)}</td></tr>" for name, text in facts.items()
        )
        return f"<strong>Run {escape(str(self.folder))}</strong><table>{rows}</table>"

    def with_overrides(self, overrides: Sequence[str]) -> "Run":
        """The same run with ``section.key=value`` overrides of its configuration.

        Raises:
            ConfigError: a key is unknown, or a value is out of range.
        """
        if not overrides:
            return self
        values = self.config.model_dump(mode="json")
        config = config_of(values, overrides, str(self.folder / names.CONFIG))
        return replace(self, config=config)

    def absolute(self) -> "Run":
        """The same run for a process that works in another folder."""
        return replace(self, folder=self.folder.absolute())

    def network_file(self) -> Path:
        """The file of the best network.

        Raises:
            RunError: no epoch is finished yet.
        """
        if not self.best.is_file():
            raise RunError(
                f"{self.folder}: no {names.BEST} yet; run hrpn-tf fit until an epoch is finished"
            )
        return self.best

    def load_network(self) -> "keras.Model":
        """The best network, float32 and not compiled, from (N, H, W, inputs) to (N, H, W, 1).

        No code from the file is run.

        Raises:
            RunError: no epoch is finished yet, or the contract is missing.
            CheckpointError: the file is damaged, holds something else, or is of another run, whose
                inputs are as many as others.
        """
        network, stated = load_keras_file(self.network_file()), len(self.contract.inputs)
        taken = {each.shape[-1] for each in network.inputs}
        if taken != {stated}:
            raise CheckpointError(
                f"{self.best}: takes {', '.join(map(str, sorted(taken, key=str)))} channels, and "
                f"{names.CONTRACT} states {stated}; it is the network of another run"
            )
        return network

    @property
    def checksum(self) -> str | None:
        """SHA-256 of the best network; None if there is none yet."""
        if not self.best.is_file():
            return None
        return self._files.once(self.best, "checksum", lambda: sha256(self.best))

    @property
    def contract(self) -> "Contract":
        """What the best network expects and gives.

        Raises:
            RunError: the file is missing.
            ContractError: it is damaged.
        """
        from hrpn_export import Contract, ContractError

        path = self.folder / names.CONTRACT
        if (text := self._files.text(path)) is None:
            raise RunError(f"{path}: missing; run hrpn-tf fit again")

        def read() -> Contract:
            try:
                return Contract.from_json(text)
            except ContractError as error:
                raise ContractError(f"{path}: {error}") from None

        return self._files.once(path, "contract", read)

    @property
    def split(self) -> Split:
        """The groups that trained, that picked the checkpoint, and that test.

        Raises:
            RunError: the file is missing or damaged.
        """
        self._refuse_weights()
        path = self.folder / names.SPLIT
        parts = self._files.value(path)
        try:
            return Split(**split_of(parts, SUBSETS))
        except ValueError:
            raise RunError(f"{path}: missing or damaged; run hrpn-tf fit again") from None

    @property
    def has_slides(self) -> bool:
        """Whether the folder is of a training, and so of slides; weights are a network alone."""
        records = (names.SPLIT, names.STORE, names.HISTORY)
        is_weights = self.best.is_file() and not any((self.folder / r).exists() for r in records)
        return not is_weights

    def _refuse_weights(self) -> None:
        if not self.has_slides:
            raise RunError(
                f"{self.folder}: holds weights, which have no slides of their own; give a slide "
                "list, if the command takes one, or first train on your slides: hrpn-tf fit "
                f"PATCHES --out RUN --from {in_shell(self.folder.name)}"
            )

    def check_split(self) -> None:
        """Refuse a damaged split; imported weights have none.

        Raises:
            RunError: the file is there and damaged.
        """
        if (self.folder / names.SPLIT).exists():
            _ = self.split

    @property
    def subsets(self) -> dict[str, str]:
        """Group: train, validation or test.

        Raises:
            RunError: the split is missing or damaged.
        """
        split = self.split
        return {group: subset for subset in SUBSETS for group in getattr(split, subset)}

    @property
    def patch_dataset(self) -> Path:
        """Where the patch dataset was that the run was fitted on.

        Raises:
            RunError: the run does not say.
        """
        self._refuse_weights()
        path = self.folder / names.STORE
        values = self._files.value(path)
        try:
            return Path(text_of(values["path"]))
        except (ValueError, KeyError, TypeError):
            raise RunError(f"{path}: missing or damaged; run hrpn-tf fit again") from None

    def check_dataset(self, store: Path) -> Path:
        """Refuse a patch dataset that the run was not fitted on, such as one prepared again since.

        A run that does not state the checksum of its patch dataset is not checked.

        Args:
            store: folder of the patch dataset.

        Returns:
            ``store``.

        Raises:
            StoreError: it is gone, or another one.
        """
        from hrpn_tf.data.manifest import identity_file

        manifest = identity_file(store)
        if not manifest.is_file():
            raise StoreError(
                f"{store}: the patch dataset that {self.folder} was fitted on is not there "
                "(moved?); name it, or a slide list where the command takes one"
            )
        stated = self._files.plain(self.folder / names.STORE).get("sha256")
        if stated is not None and stated != sha256(manifest):
            raise StoreError(
                f"{store}: is not the patch dataset that {self.folder} was fitted on (prepared "
                "again since?); name that one, or a slide list instead"
            )
        return store

    @property
    def input_means(self) -> dict[str, float]:
        """Role of an input: its mean intensity over the training tissue.

        Raises:
            RunError: the file is missing or damaged.
        """
        path = self.folder / names.SCALING
        values = self._files.value(path)
        try:
            return means_of(values, self.config.data.inputs)
        except ValueError:
            if not self.has_slides:
                raise RunError(
                    f"{self.folder}: weights do not say the mean grey level of an input; ablate "
                    "with --ablate-by shuffle"
                ) from None
            raise RunError(
                f"{path}: missing or damaged, so that the mean grey level of an input is not "
                "known; ablate with --ablate-by shuffle, or run hrpn-tf fit again"
            ) from None

    @property
    def is_calibrated(self) -> bool:
        """Whether there is a calibrated network, of whatever training."""
        return (self.calibrated / RECORD).is_file()

    @property
    def calibration(self) -> Calibration:
        """The calibrated network and what is known of it.

        Raises:
            CalibrationError: there is none, it is damaged, or it is of another network.
        """
        record, trained = self.calibrated / RECORD, self.checksum

        def read() -> Calibration:
            return read_calibration(self.folder, record.parent, trained)

        return self._files.once(record, f"for {trained}", read)

    @property
    def records(self) -> RunRecords:
        """What the folder says of its training; nothing is said of a missing file.

        Raises:
            RunError: a file is damaged.
        """
        files = (names.CONTRACT, names.SPLIT, names.RESOURCES, names.ENVIRONMENT)
        return RunRecords(*(self._files.plain(self.folder / name) for name in files))

    @property
    def history(self) -> list[dict[str, str]]:
        """One row per finished epoch; none if the file is missing or damaged.

        Before them is epoch 0, without a training loss, where the training started from a network.

        Raises:
            RunError: it is no text.
        """
        return read_history(self._files.text(self.folder / names.HISTORY))

    @property
    def epochs(self) -> int:
        """Number of finished epochs by the history, without epoch 0.

        Raises:
            RunError: see :attr:`history`.
        """
        return sum(row["epoch"] != "0" for row in self.history)

    def slides(self, slide_list: Path | None = None) -> tuple[RunSlide, ...]:
        """All slides of a list, or of the patch dataset that the run was fitted on.

        Raises:
            RunError: the run folder is incomplete.
            StoreError: no list is given and the patch dataset is gone, or another one.
            SlideListError, SlideNotFoundError: see ``read_slide_list``.
        """
        if slide_list is not None and not self.has_slides:
            return listed_slides(slide_list, self.config, {})
        subsets = self.subsets
        if slide_list is not None:
            return listed_slides(slide_list, self.config, subsets)
        from hrpn_tf.data.simulated import read_dataset

        store = self.check_dataset(self.patch_dataset)
        return stored_slides(read_dataset(store)[0], subsets)


def open_run(run: Run | Path) -> Run:
    """Open the folder of a training; an open run is given back as it is.

    Args:
        run: the folder that ``hrpn-tf fit`` or ``hrpn-tf import-weights`` made.

    Raises:
        RunError: no run folder there.
        ConfigError: the configuration in it is damaged.

    Example:
        >>> run = open_run(Path("demo/run"))  # doctest: +SKIP
        >>> run.config.data.target, run.split.test  # doctest: +SKIP
        ('qd', ('animal-3',))
    """
    return run if isinstance(run, Run) else Run(Path(run), read_config(Path(run)))
