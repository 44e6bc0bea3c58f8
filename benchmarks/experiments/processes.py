"""Steps of an experiment in fresh processes."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]  # holds the package ``experiments``
_LENGTH = 160  # characters of an error message in a table

Result = dict[str, Any]  # what a step printed, or {"error": reason}


def run_step(
    module: str,
    arguments: Sequence[str],
    *,
    timeout: float,
    environment: Mapping[str, str] | None = None,
) -> Result:
    """Run a module of an experiment in a new process.

    Args:
        module: such as ``experiments.accelerator.measurement``; prints JSON on its last line.
        arguments: its command line.
        timeout: limit, s.
        environment: variables to add or replace.

    Returns:
        The JSON object, or ``{"error": reason}`` with the reason in one line.
    """
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    try:
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            env={**os.environ, **(environment or {}), "PYTHONPATH": paths},
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"error": f"not done after {timeout:.0f} s"}
    if done.returncode:
        return {"error": why_it_failed(done.returncode, done.stderr)}
    result: Result = json.loads(done.stdout.splitlines()[-1])
    return result


def why_it_failed(returncode: int, stderr: str) -> str:
    """The reason of a failure in one line, for a table.

    >>> why_it_failed(1, "numpy: MemoryError")
    'out of memory'
    """
    if re.search(r"RESOURCE_EXHAUSTED|ResourceExhausted|MemoryError|\bOOM\b|bad_alloc", stderr):
        return "out of memory"
    if returncode < 0:
        return f"killed by signal {-returncode}" + (", out of memory?" if returncode == -9 else "")
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return lines[-1].replace("|", "/")[:_LENGTH] if lines else f"exit status {returncode}"
