"""How do the modules of the three packages import each other: levels, arrows, circles?

    python benchmarks/experiments/import_graph.py
    python benchmarks/experiments/import_graph.py --commit 0de96bf

Every import counts, also one inside a function or for type checking alone. A module's level is the
longest chain of imports below it; the modules of a circle share one level. An arrow of a package is
an import of a module outside of it by a module inside.
"""

import argparse
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from io import BytesIO
from pathlib import Path

import grimp
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

PROJECT = Path(__file__).resolve().parents[2]
# package: folder that holds it
ROOTS = {"hrpn_tf": ".", "hrpn_export": "export", "hrpn_benchmarks": "benchmarks"}
COUNTED = "hrpn_tf/workflows"


@dataclass(frozen=True)
class Graph:
    """Modules and what each of them imports.

    Attributes:
        imports: module: the modules that it imports.
        circles: sets of modules that import each other, directly or not.
        levels: module: longest chain of imports below it.
    """

    imports: Mapping[str, frozenset[str]]
    circles: tuple[tuple[str, ...], ...]
    levels: Mapping[str, int]


def read_graph(project: Path) -> Graph:
    """The graph of the packages in a checkout."""
    sys.path[:0] = [str(project / folder) for folder in ROOTS.values()]
    try:
        found = grimp.build_graph(*ROOTS, cache_dir=None)
    finally:
        del sys.path[: len(ROOTS)]
    modules = sorted(found.modules)
    imports = {name: frozenset(found.find_modules_directly_imported_by(name)) for name in modules}
    member = _components(imports)
    below: dict[int, set[int]] = defaultdict(set)
    for name, targets in imports.items():
        below[member[name]] |= {member[target] for target in targets} - {member[name]}
    heights: dict[int, int] = {}
    for component in TopologicalSorter(below).static_order():
        heights[component] = 1 + max((heights[each] for each in below[component]), default=-1)
    sets: dict[int, list[str]] = defaultdict(list)
    for name in modules:
        sets[member[name]].append(name)
    circles = tuple(tuple(names) for names in sets.values() if len(names) > 1)
    return Graph(imports, circles, {name: heights[member[name]] for name in modules})


def _components(imports: Mapping[str, frozenset[str]]) -> dict[str, int]:
    """Module: number of the strongly connected component that it belongs to."""
    number = {name: index for index, name in enumerate(imports)}
    pairs = [(number[a], number[b]) for a, targets in imports.items() for b in targets]
    rows, columns = np.array(pairs).T
    shape = (len(number), len(number))
    matrix = coo_array((np.ones(len(pairs)), (rows, columns)), shape)
    labels = connected_components(matrix, directed=True, connection="strong")[1]
    return dict(zip(imports, labels.tolist(), strict=True))


def room(module: str) -> str:
    """The folder of a package that a module belongs to, such as ``hrpn_tf.slides``."""
    return (
        ".".join(module.split(".")[:2]) if module.startswith("hrpn_tf.") else module.split(".")[0]
    )


def describe(graph: Graph, project: Path) -> Iterator[str]:
    """The graph, as lines of Markdown."""
    rooms = Counter(map(room, graph.imports))
    arrows = Counter(
        (room(name), room(target))
        for name, targets in graph.imports.items()
        for target in targets
        if room(name) != room(target)
    )
    lines = sum(len(path.read_bytes().splitlines()) for path in (project / COUNTED).rglob("*.py"))
    yield f"{len(graph.imports)} modules, {sum(map(len, graph.imports.values()))} imports, "
    yield f"{max(graph.levels.values()) + 1} levels, {len(graph.circles)} circles; "
    yield f"{lines} lines in {COUNTED}\n"
    yield "| package | modules | levels within | arrows out | arrows in |"
    yield "|---|---:|---:|---:|---:|"
    for name, count in sorted(rooms.items()):
        out = sum(n for (source, _), n in arrows.items() if source == name)
        into = sum(n for (_, target), n in arrows.items() if target == name)
        yield f"| {name} | {count} | {levels_within(graph, name)} | {out} | {into} |"
    for circle in graph.circles:
        yield f"\ncircle: {', '.join(circle)}"


def levels_within(graph: Graph, name: str) -> int:
    """Modules in the longest chain of imports inside a package."""
    inside = sorted((each for each in graph.imports if room(each) == name), key=graph.levels.get)
    chain: dict[str, int] = {}
    for module in inside:
        chain[module] = 1 + max((chain.get(each, 0) for each in graph.imports[module]), default=0)
    return max(chain.values())


def main() -> None:
    """Print the graph of this checkout, or of a commit of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--commit", help="another commit of this repository  [the working tree]")
    commit = parser.parse_args().commit
    if commit is None:
        print("\n".join(describe(read_graph(PROJECT), PROJECT)))
        return
    with tempfile.TemporaryDirectory() as folder:
        archive = subprocess.run(
            ["git", "-C", str(PROJECT), "archive", commit], check=True, capture_output=True
        ).stdout
        with tarfile.open(fileobj=BytesIO(archive)) as files:
            files.extractall(folder, filter="data")
        print("\n".join(describe(read_graph(Path(folder)), Path(folder))))


if __name__ == "__main__":
    main()
