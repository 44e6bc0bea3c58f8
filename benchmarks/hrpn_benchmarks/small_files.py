"""Small files from strangers: whatever is wrong with one becomes a named error."""

from pathlib import Path
from typing import Any

import yaml
from hrpn_export.regular_file import read_regular_text

from hrpn_benchmarks.errors import BenchmarkError

_DEEPEST = 16
_DIGITS = 400
_REASON = 160


def read_small_file(path: Path, error: type[BenchmarkError], most_bytes: int) -> str:
    """The text of a regular file in UTF-8.

    Args:
        path: the file; a device or a pipe is refused before anything is read.
        error: the named error that is raised.
        most_bytes: the largest file that is read.

    Raises:
        BenchmarkError: the given one.
    """
    return read_regular_text(path, error, most_bytes)


def parse_small_yaml(text: str, where: Path, error: type[BenchmarkError]) -> Any:
    """The value of a YAML text of plain types, without aliases.

    Raises:
        BenchmarkError: the given one: it is no YAML, repeats itself, is nested too deeply, or
            holds a number that Python cannot represent.
    """
    try:
        _refuse_bombs(text)
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, ArithmeticError, LookupError, TypeError) as problem:
        reason = " ".join(str(problem).split())[:_REASON]
        raise error(f"{where}: not valid YAML: {reason}") from None


def _refuse_bombs(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise ValueError(f"nested more than {_DEEPEST} levels deep")
        if isinstance(event, yaml.AliasEvent):
            raise ValueError(f"the alias *{event.anchor}, which is not allowed here")
        if isinstance(event, yaml.ScalarEvent) and len(event.value) > _DIGITS:
            raise ValueError(f"a value of more than {_DIGITS} characters")
