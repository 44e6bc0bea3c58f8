"""Read small files from strangers: whatever is wrong with one becomes a named error.

A device or a pipe is refused before anything is read, so that nothing hangs; a size limit keeps
the memory small. JSON and YAML that are nested without end, repeat themselves without end, or hold
numbers of thousands of digits are refused, too.
"""

import json
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import yaml
from hrpn_export.regular_file import read_regular, read_regular_text

from hrpn_tf.errors import HrpnError
from hrpn_tf.text import printable

if TYPE_CHECKING:
    import numpy as np

MIB = 2**20
LARGEST = 256 * MIB  # of what this project writes itself, e.g. the metrics of many slides
_DEEPEST = 64
_REASON = 160
_REPEATED = 100_000  # values that aliases may stand for, all together
_DIGITS = 400
# Of a ZIP archive: its own errors, those of its decompression, and those of arrays in it.
_DAMAGED = (
    *(BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError),
    *(ValueError, KeyError, TypeError),
)


def read_file(path: Path, error: type[HrpnError], most_bytes: int = 16 * MIB) -> bytes:
    """The bytes of a regular file.

    Args:
        path: the file.
        error: the named error that is raised.
        most_bytes: the largest file that is read.

    Raises:
        HrpnError: the given one: the path names no regular file (but a folder, a device or a
            pipe), the file is larger than the limit, or it cannot be read.
    """
    return read_regular(path, error, most_bytes)


def read_text(path: Path, error: type[HrpnError], most_bytes: int = 16 * MIB) -> str:
    """The text of a regular file in UTF-8, with or without a byte-order mark.

    Args, Raises: as :func:`read_file`; also for a file in another encoding.
    """
    return read_regular_text(path, error, most_bytes)


def read_json(path: Path, error: type[HrpnError], most_bytes: int = 16 * MIB) -> Any:
    """The value of a JSON file.

    Args, Raises: as :func:`read_text`; also for a file that is no JSON.
    """
    text = read_text(path, error, most_bytes)
    try:
        return json.loads(text)
    except RecursionError:
        raise error(f"{path}: not valid JSON: nested too deeply") from None
    except ValueError as problem:  # also a number of more digits than Python reads
        raise error(f"{path}: not valid JSON: {printable(problem, _REASON)}") from None


def read_arrays(
    path: Path, error: type[HrpnError], advice: str = "", *, prefix: str = ""
) -> "dict[str, np.ndarray]":
    """The arrays of a file ``*.npz`` that this project wrote itself; never pickled objects.

    Args:
        path: the file.
        error: the named error that is raised.
        advice: ends its message.
        prefix: of the names of the arrays that are read.

    Raises:
        HrpnError: the given one: the file is missing, cut short or otherwise damaged.
    """
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files if name.startswith(prefix)}
    except OSError as problem:
        raise error(f"{path}: cannot be read ({problem.strerror or 'damaged'}){advice}") from None
    except _DAMAGED:
        raise error(f"{path}: damaged{advice}") from None


def read_yaml(path: Path, error: type[HrpnError], most_bytes: int = 4 * MIB) -> Any:
    """The value of a YAML file, of plain types only.

    Args, Raises: as :func:`read_text`; also for a file that is no YAML.
    """
    text = read_text(path, error, most_bytes)
    try:
        return parse_yaml(text)
    except ValueError as problem:
        raise error(f"{path}: not valid YAML: {printable(problem, _REASON)}") from None


def parse_yaml(text: str) -> Any:
    """The value of a YAML text, of plain types only.

    Raises:
        ValueError: it is no YAML, is nested too deeply, or holds a number or a date that Python
            cannot represent.
    """
    try:
        _refuse_bombs(text)
        return yaml.load(text, Loader=_LOADER)
    except yaml.YAMLError as problem:
        raise ValueError(" ".join(str(problem).split())) from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except (ArithmeticError, LookupError, TypeError) as problem:  # from constructors of values
        raise ValueError(str(problem)) from None


def _refuse_bombs(text: str) -> None:
    """Raise if the value is nested too deeply, is repeated too often, or has too many digits.

    A few hundred bytes of aliases of aliases expand to gigabytes where they are looked at.
    """
    depth, nodes, repeated = 0, 0, 0
    open_anchors: list[tuple[int, str, int]] = []  # depth, name, number of nodes before it
    sizes: dict[str, int] = {}
    for event in yaml.parse(text, Loader=_LOADER):
        nodes += isinstance(event, yaml.NodeEvent)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if event.anchor is not None:
                open_anchors.append((depth, event.anchor, nodes))
            if depth > _DEEPEST:
                raise ValueError(f"nested more than {_DEEPEST} levels deep")
        elif isinstance(event, yaml.CollectionEndEvent):
            if open_anchors and open_anchors[-1][0] == depth:
                _, name, before = open_anchors.pop()
                sizes[name] = nodes - before + 1
            depth -= 1
        elif isinstance(event, yaml.AliasEvent):
            if open_anchors:
                raise ValueError(f"alias *{event.anchor} stands within an anchored value")
            repeated += sizes.get(str(event.anchor), 1)
            if repeated > _REPEATED:
                raise ValueError(f"aliases repeat more than {_REPEATED} values")
        elif isinstance(event, yaml.ScalarEvent) and _is_long_number(event):
            raise ValueError(f"a number of more than {_DIGITS} digits")


def _is_long_number(event: yaml.ScalarEvent) -> bool:
    """Whether a scalar becomes a number that Python could hardly write out again."""
    is_number = event.implicit[0] or str(event.tag).endswith((":int", ":float"))
    return bool(is_number and len(event.value) > _DIGITS and set(event.value) <= _OF_NUMBERS)


_OF_NUMBERS = set("0123456789abcdefABCDEFxXoO_:.+-")
_PLAIN: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _UniqueKeys(_PLAIN):
    """A loader of plain types that refuses a key that is there twice; the last would win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag.endswith(":merge"):
                continue
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key '{key.value}' is there twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_LOADER: Any = _UniqueKeys
