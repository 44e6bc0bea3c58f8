"""The resolved configuration that a run folder holds."""

from pathlib import Path

from hrpn_tf.config import Config, load_config
from hrpn_tf.errors import RunError
from hrpn_tf.kinds import refuse_other_kind
from hrpn_tf.runs import folder as names


def read_config(folder: Path) -> Config:
    """The resolved configuration of a run folder.

    Raises:
        RunError: no run folder there.
        ConfigError: the configuration in it is damaged.
    """
    refuse_other_kind(folder, "run")
    if not names.is_run(folder):
        raise RunError(
            f"{folder}: no run folder (no {names.CONFIG} in it); give the --out of hrpn-tf fit"
        )
    return load_config(folder / names.CONFIG)


def with_backend_of(config: Config, folder: Path, overwrite: bool) -> Config:
    """The configuration with the framework of the run that it resumes, where it names none.

    Args:
        config: as given.
        folder: of the run, which may be there.
        overwrite: it is replaced.

    Raises:
        ConfigError: the configuration of the run is damaged.
    """
    given = "backend" in config.training.model_fields_set
    if given or overwrite or not names.is_run(folder):
        return config
    begun = read_config(folder).training.backend
    training = config.training.model_copy(update={"backend": begun})
    return config.model_copy(update={"training": training})
