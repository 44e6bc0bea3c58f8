"""Ways to damage a file or a folder: bytes, values of JSON and YAML, cells of CSV, file types."""

import csv
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml

Random = np.random.Generator

# Values that no reader expects. Text that JSON cannot hold as a value is put in afterwards.
_RAW = {
    "deep lists": "[" * 3000 + "]" * 3000,
    "very deep lists": "[" * 200_000 + "]" * 200_000,
    "deep objects": '{"a":' * 3000 + "1" + "}" * 3000,
    "long number": "9" * 5000,
    "large exponent": "1e999",
}
_VALUES: tuple[Any, ...] = (
    None, True, False, -1, 0, 1, 3, 255, 2**31, 2**63, -(2**63), 10**30, 1e308, -0.0, 1e-320,
    float("nan"), float("inf"), "", " ", "x", "x" * 100_000, "\x1b[31mred\x07\x00", "\u202eabc",
    "\ud800", "../../../../etc/passwd", "/dev/zero", "/etc/passwd", "a/b", "..", "2026-99-99",
    "1; rm", "=1+1", "NaN", "|V8", "<u9", "O", "float128", [], {}, [[]], [None], {"a": {}},
    [1] * 1000, list(range(3)), [1e30, -1e30], ["a", 1, None], {"": ""}, b"".hex(),
)  # fmt: skip
_NUMBERS = (0, 1, 2, 3, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 0x80000000)
_JSON = (".json", ".geojson", ".zattrs", ".zarray", ".zgroup", ".zmetadata")
_YAML = (".yaml", ".yml")


def mutate(random: Random, root: Path, target: str = "") -> str:
    """Damage a file, or one of the files of a folder; says how.

    Args:
        random: decides.
        root: a copy that may be changed.
        target: pattern of the files of a folder that may be damaged; all without.
    """
    if root.is_file():
        return _mutate_file(random, root)
    files = sorted(path for path in root.rglob(target or "*") if path.is_file())
    path = files[int(random.integers(len(files)))]
    # small text files say how the others are read, and there are few of them
    texts = [p for p in files if p.suffix in (*_JSON, *_YAML) or p.name in _JSON]
    if texts and random.random() < 0.5:
        path = texts[int(random.integers(len(texts)))]
    how = _replace_file(random, path) if random.random() < 0.15 else _mutate_file(random, path)
    return f"{path.relative_to(root)}: {how}"


def _mutate_file(random: Random, path: Path) -> str:
    structured = random.random() < 0.7
    try:
        if structured and (path.suffix in _JSON or path.name in _JSON):
            return _change_json(random, path)
        if structured and path.suffix in _YAML:
            return _change_yaml(random, path)
        if structured and path.suffix == ".csv":
            return _change_csv(random, path)
    except (ValueError, yaml.YAMLError, RecursionError):
        pass  # damaged before: only its bytes can be changed
    return _change_bytes(random, path)


def _change_bytes(random: Random, path: Path) -> str:
    """Some of: bits flipped, numbers written over, bytes removed, repeated or inserted."""
    content = bytearray(path.read_bytes())
    names = []
    for _ in range(int(random.integers(1, 4))):
        name, change = _BYTES[int(random.integers(len(_BYTES)))]
        at = _place(random, len(content))
        names.append(f"{name} at {at}")
        change(random, content, at)
    path.write_bytes(bytes(content))
    return ", ".join(names)


def _place(random: Random, size: int) -> int:
    """A byte, more often at the beginning or the end, where formats keep their structure."""
    if size < 2:
        return 0
    where = random.random()
    if where < 0.4:
        return int(random.integers(min(size, 600)))
    if where < 0.6:
        return int(random.integers(max(0, size - 2000), size))
    return int(random.integers(size))


def _flip(random: Random, content: bytearray, at: int) -> None:
    for i in range(at, min(len(content), at + int(random.integers(1, 5)))):
        content[i] ^= 1 << int(random.integers(8))


def _number(random: Random, content: bytearray, at: int) -> None:
    size = int(random.choice([1, 2, 4, 8]))
    value = int(random.choice(_NUMBERS)) % 2 ** (8 * size)
    order = "little" if random.random() < 0.7 else "big"
    at = min(at - at % 2, max(0, len(content) - size))
    content[at : at + size] = value.to_bytes(size, order)


def _truncate(random: Random, content: bytearray, at: int) -> None:
    del content[at:]


def _remove(random: Random, content: bytearray, at: int) -> None:
    del content[at : at + int(random.integers(1, 64))]


def _repeat(random: Random, content: bytearray, at: int) -> None:
    content[at:at] = content[at : at + int(random.integers(1, 256))]


def _insert(random: Random, content: bytearray, at: int) -> None:
    content[at:at] = random.integers(0, 256, int(random.integers(1, 64)), np.uint8).tobytes()


def _blank(random: Random, content: bytearray, at: int) -> None:
    fill = int(random.choice([0, 255]))
    size = min(int(random.integers(1, 128)), len(content) - at)
    content[at : at + size] = bytes([fill]) * max(0, size)


_BYTES: tuple[tuple[str, Callable[[Random, bytearray, int], None]], ...] = (
    ("bits flipped", _flip), ("bits flipped", _flip), ("number", _number), ("number", _number),
    ("number", _number), ("end cut off", _truncate), ("bytes removed", _remove),
    ("bytes repeated", _repeat), ("bytes inserted", _insert), ("bytes blanked", _blank),
)  # fmt: skip


def _change_json(random: Random, path: Path) -> str:
    values = json.loads(path.read_text(encoding="utf-8"))
    values, raw, how = _change_values(random, values)
    text = json.dumps(values)
    path.write_text(_with_raw(text, raw), encoding="utf-8")
    return how


def _change_yaml(random: Random, path: Path) -> str:
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    if random.random() < 0.05:
        lines = ["a0: &a0 [x, x]", *(f"a{i}: &a{i} [{f'*a{i - 1}, ' * 9}]" for i in range(1, 12))]
        path.write_text("\n".join(lines), encoding="utf-8")
        return "aliases of aliases"
    values, raw, how = _change_values(random, values)
    text = json.dumps(values)  # JSON is YAML
    path.write_text(_with_raw(text, raw), encoding="utf-8", errors="replace")
    return how


def _with_raw(text: str, raw: str) -> str:
    return text.replace('"@raw@"', _RAW[raw]) if raw else text


def _change_values(random: Random, values: Any) -> tuple[Any, str, str]:
    """Replace, remove, repeat or rename one to three values; the values, raw text, and how."""
    raw, names = "", []
    for _ in range(int(random.integers(1, 4))):
        nodes = list(_nodes(values, "", 0))
        if not nodes:
            break
        inside, key, where = nodes[int(random.integers(len(nodes)))]
        kind = random.random()
        if kind < 0.12:
            del inside[key]
            names.append(f"{where} removed")
        elif kind < 0.2 and isinstance(inside, list):
            inside.extend([inside[key]] * int(random.choice([1, 5, 100])))
            names.append(f"{where} repeated")
        elif kind < 0.25 and isinstance(inside, dict):
            inside[str(_VALUES[int(random.integers(len(_VALUES)))])[:200]] = inside.pop(key)
            names.append(f"{where} renamed")
        elif kind < 0.32 and not raw:
            raw = sorted(_RAW)[int(random.integers(len(_RAW)))]
            inside[key] = "@raw@"
            names.append(f"{where}: {raw}")
        else:
            value = _VALUES[int(random.integers(len(_VALUES)))]
            inside[key] = json.loads(json.dumps(value))  # a copy of its own
            names.append(f"{where} = {ascii(value)[:40]}")
    return values, raw, "; ".join(names) or "as it was"


def _nodes(values: Any, where: str, depth: int) -> Any:
    """Each value with what holds it and its key."""
    if depth > 30:
        return
    items = values.items() if isinstance(values, dict) else enumerate(values)
    for key, inner in list(items):
        yield values, key, f"{where}/{str(key)[:30]}"
        if isinstance(inner, dict | list):
            yield from _nodes(inner, f"{where}/{str(key)[:30]}", depth + 1)


def _change_csv(random: Random, path: Path) -> str:
    rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))
    kind, row = random.random(), int(random.integers(len(rows)))
    cell = int(random.integers(max(1, len(rows[row]))))
    if kind < 0.5:
        value = str(_VALUES[int(random.integers(len(_VALUES)))])
        rows[row][cell : cell + 1] = [value]
        how = f"row {row}, cell {cell} = {ascii(value)[:40]}"
    elif kind < 0.6:
        for each in rows:
            del each[cell : cell + 1]
        how = f"column {cell} removed"
    elif kind < 0.7:
        rows[row : row + 1] = [rows[row]] * int(random.choice([0, 2, 50_000]))
        how = f"row {row} repeated"
    else:
        rows[row] = rows[row] * int(random.choice([2, 1000]))
        how = f"cells of row {row} repeated"
    text = io.StringIO()
    csv.writer(text, delimiter=str(random.choice(list(",,,;\t|")))).writerows(rows)
    encoding = str(random.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1"]))
    path.write_text(text.getvalue(), encoding=encoding, errors="replace")
    return f"{how}, {encoding}"


def _replace_file(random: Random, path: Path) -> str:
    """Remove a file, or put something else in its place."""
    kind = int(random.integers(7))
    content = path.read_bytes()
    path.unlink()
    if kind == 0:
        return "removed"
    if kind == 1:
        os.mkfifo(path)
        return "a pipe"
    if kind == 2:
        path.symlink_to("/etc/passwd")
        return "a link that leads out"
    if kind == 3:
        path.symlink_to(path.name)
        return "a link to itself"
    if kind == 4:
        path.symlink_to("/dev/zero")
        return "a link to a device"
    if kind == 5:
        path.mkdir()
        return "a folder"
    path.write_bytes(content if random.random() < 0.2 else b"")
    return "empty"
