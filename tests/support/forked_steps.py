"""The benchmark of sliding windows with steps that are forks: ``python -m support.forked_steps``.

A fresh process takes longer to import TensorFlow than to predict a tiny slide. So those that need
it are forks of this one, which has imported it and computed nothing. Steps that must do without
TensorFlow are fresh processes, as in the experiment itself.
"""

import io
import json
import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from typing import Any

from support.places import EXPERIMENTS

sys.path.insert(0, str(EXPERIMENTS.parent))

from experiments.processes import Result, run_step
from experiments.sliding_window import experiment, step


def forked_step(
    module: str,
    arguments: Sequence[str],
    *,
    timeout: float,
    environment: Mapping[str, str] | None = None,
) -> Result:
    """As ``run_step``."""
    settings = json.loads(arguments[2])
    native = arguments[0] == "monai" and settings["run"] != "session"
    if native or settings.get("engine") == "torch":
        return run_step(module, arguments, timeout=timeout, environment=environment)
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_send, args=(sender, arguments, environment or {}))
    child.start()
    child.join(timeout)
    if child.exitcode is None:
        child.kill()
        return {"error": f"not done after {timeout:.0f} s"}
    return receiver.recv() if receiver.poll() else {"error": f"exit status {child.exitcode}"}


def _send(sender: Any, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    os.environ.update(environment)
    sys.argv = ["step", *arguments]
    with redirect_stdout(io.StringIO()) as printed:
        step.main()
    sender.send(json.loads(printed.getvalue().splitlines()[-1]))


if __name__ == "__main__":
    import keras  # noqa: F401  (and with it TensorFlow)

    experiment.run_step = forked_step
    experiment.main()
