"""``hrpn-tf crossval``: train and evaluate every leave-one-group-out fold."""

from pathlib import Path

import click

from hrpn_tf.cli.options import config_options, out_option, preset_option, start_options
from hrpn_tf.cli.show import show
from hrpn_tf.config import load_config
from hrpn_tf.console import load_tensorflow


@click.command("crossval")
@click.argument("patches", type=click.Path(path_type=Path))
@out_option("Folder for all folds and their summary.")
@preset_option
@config_options
@start_options
def command(
    patches: Path,
    out: Path,
    preset: str | None,
    config_source: str | None,
    overrides: tuple[str, ...],
    start: tuple[str, ...],
) -> None:
    """Train and evaluate on PATCHES once per group, each time without that group.

    Fold k tests on group k and selects its checkpoint on the next one. After an interruption, the
    same command resumes in the first unfinished fold. Results: OUT/summary.md, .csv, .json, and one
    run folder per fold.
    """
    from hrpn_tf.data.manifest import refuse_no_store

    refuse_no_store(patches)  # before TensorFlow loads
    overrides = (*overrides, *start)
    if preset is not None:
        overrides = (*overrides, f"model.preset={preset}")
    config = load_config(config_source, overrides)
    load_tensorflow()
    from hrpn_tf.workflows.cross_validation import cross_validate, to_markdown

    found = cross_validate(patches, out, config)
    show(f"{to_markdown(found)}{out}: summary.md, summary.csv, summary.json")
