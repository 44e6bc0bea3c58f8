"""The tables of the documentation that repeat a table of the code, and what they lack."""

from pathlib import Path

from hrpn_tf.evaluation import METRICS
from hrpn_tf.losses import LOSSES
from hrpn_tf.models.presets import list_presets


def missing_lines(root: Path) -> list[str]:
    """What has to be added: the file, and the line or how it begins.

    Args:
        root: of the repository.
    """
    wanted = {
        "docs/guide/evaluate.md": [
            f"| {each.title} | `{each.name}` | {each.unit.replace('^2', '²')} | {each.better} | "
            for each in METRICS.values()
        ],
        "docs/guide/train.md": [
            f"| `{each.name}` | {each.formula} | {each.unit} | {each.suits} | "
            f"{f'{each.source} ' if each.source else ''}|\n"
            for each in LOSSES.values()
        ],
        "docs/reference/models.md": [f"| `{each.name}` | " for each in list_presets()],
    }
    return [
        f"{file}: {start}"
        for file, starts in wanted.items()
        for start in starts
        if f"\n{start}" not in (root / file).read_text(encoding="utf-8")
    ]
