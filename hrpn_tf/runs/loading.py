"""The network of a run, with what is needed to use it."""

from pathlib import Path
from typing import TYPE_CHECKING

from hrpn_tf.config import Config
from hrpn_tf.errors import RunError
from hrpn_tf.runs import folder as names
from hrpn_tf.runs.run import Run, open_run

if TYPE_CHECKING:
    import keras
    from hrpn_export import Contract


def load_run(run: Run | Path) -> tuple["keras.Model", "Contract", Config]:
    """The best network of a run, float32 and not compiled, with its contract and configuration.

    No code from the file is run.

    Raises:
        RunError: no run folder there, it misses a file, or no epoch is finished yet.
        CheckpointError: the file of the network is damaged or holds something else.
        ContractError: the contract is damaged.
    """
    run = open_run(run)
    run.network_file()
    if not (run.folder / names.CONTRACT).is_file():
        raise RunError(
            f"{run}: {names.CONTRACT} is missing or damaged; give another run, or fit it again "
            "with --overwrite"
        )
    contract = run.contract
    return run.load_network(), contract, run.config
