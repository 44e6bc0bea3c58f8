"""``hrpn-tf simulate``: slides whose truth is known."""

from pathlib import Path

import click

from hrpn_tf.cli.options import config_options, out_option, overwrite_option
from hrpn_tf.cli.show import show
from hrpn_tf.config import load_config


@click.command()
@out_option("Folder to write the simulated cohort to.")
@config_options
@overwrite_option
def command(
    out: Path, config_source: str | None, overrides: tuple[str, ...], overwrite: bool
) -> None:
    """Simulate slides with known ground truth: physics phantoms of tumour sections.

    Writes SLIDE.ome.tif with vessels, nuclei and target, their ground truth and error floor under
    truth/, and slides.csv, the slide list for `hrpn-tf prepare`. After an interruption, the same
    command makes the slides that are missing.
    """
    from hrpn_tf.simulation.cohort import read_reports, simulate_cohort

    config = load_config(config_source, overrides).simulation
    slide_list = simulate_cohort(config, out, overwrite)
    show(f"{'slide':12}{'target sd':>10}{'error floor':>13}{'best R2':>9}   (whole slide)")
    for name, report in read_reports(config, out):
        errors = report["errors"]["slide"]
        show(
            f"{name:12}{errors['target_variance'] ** 0.5:10.2f}{errors['error_floor']:13.3f}"
            f"{errors['explainable_r2']:9.3f}"
        )
    show(f"slide list: {slide_list}")
