"""The reference page of the configuration, as Markdown: ``python -m hrpn_tf.config.reference``.

The page has no title of its own. Every section and key is an anchor, such as
``#training.batch_size``.
"""

from collections.abc import Iterator
from pathlib import Path

from hrpn_tf.config.commented import in_one_line
from hrpn_tf.config.keys import Key, list_keys
from hrpn_tf.config.loader import recipes

INTRODUCTION = """\
The configuration is one YAML file with a section for each concern; the name `hrpn.yaml` is a
convention. A key takes its value from the first of these that states it:

1. `--set SECTION.KEY=VALUE` on the command line, such as `--set training.optimizer.name=adam`;
2. the file, or the shipped recipe, that `--config` names;
3. for `training`, the settings that the preset `model.preset` was published with; for
   `data.inputs`, `data.target`, `data.patch` and `data.stride`, the patches that `hrpn-tf prepare`
   made;
4. the default below.

An unknown key, a wrong type or a value out of range is an error. `null` leaves a key unset; its
meaning says what happens then. `hrpn-tf config` prints the resolved configuration with these
explanations as comments:

```sh
hrpn-tf config --recipe demo > hrpn.yaml          # start a file from a recipe
hrpn-tf config --config hrpn.yaml training        # one section as it is resolved
hrpn-tf config --schema > hrpn.schema.json        # JSON Schema, so that editors complete hrpn.yaml
```
"""


def reference() -> str:
    """Markdown: how a configuration is composed, the recipes, and a table for each section."""
    keys = list_keys()
    parts = [INTRODUCTION, "\n".join(_recipe_table())]
    for section in (key for key in keys if key.is_section):
        held = [key for key in keys if key.path[:-1] == section.path]
        parts.append("\n".join([_heading(section), "", section.meaning]))
        if any(map(_has_row, held)):
            parts.append("\n".join(_table([key for key in held if _has_row(key)])))
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def _recipe_table() -> Iterator[str]:
    yield "Shipped recipes:\n"
    yield "| recipe | purpose |"
    yield "|---|---|"
    for name, path in recipes().items():
        yield f"| `{name}` | {_purpose(path)} |"


def _purpose(path: Path) -> str:
    """The comment at the top of a recipe."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").strip())
    return " ".join(lines)


def _has_row(key: Key) -> bool:
    """Values have one, and so do sections that may be null."""
    return not key.is_section or "null" in key.type


def _heading(section: Key) -> str:
    marks = "#" * (len(section.path) + 1)
    anchor = _anchor(section) if len(section.path) > 1 else ""  # the heading itself is one
    return f"{marks} {anchor}`{section.name}`"


def _table(keys: list[Key]) -> Iterator[str]:
    yield "| key | type | default | range | unit | meaning |"
    yield "|---|---|---|---|---|---|"
    for key in keys:
        name = f"{_anchor(key)}`{key.path[-1]}`"
        if key.is_section:
            name = f"[`{key.path[-1]}`](#{key.name})"
        cells = (name, key.type, f"`{in_one_line(key.default)}`", key.range, key.unit, key.meaning)
        yield f"| {' | '.join(cell or '–' for cell in cells)} |"


def _anchor(key: Key) -> str:
    return f'<a id="{key.name}"></a>'


if __name__ == "__main__":
    print(reference(), end="")
