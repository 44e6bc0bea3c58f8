"""A process that makes simulated slides, for as long as the process that started it lives.

python -m hrpn_tf.workflows.streaming.worker DATASET TRAINING VALIDATION ANIMALS KEEP
"""

import os
import signal
import sys
import threading
from pathlib import Path

from hrpn_tf.data.simulated import SlidePlan
from hrpn_tf.errors import HrpnError
from hrpn_tf.workflows.streaming.slides import make_missing

_NICENESS = 5  # the training goes first where cores are few


def arguments(dataset: Path, plan: SlidePlan, keep: bool) -> list[str]:
    """What :func:`main` reads from the command line."""
    numbers = (plan.training, plan.validation, plan.animals or 0, int(keep))
    return [str(dataset), *map(str, numbers)]


def main(given: list[str]) -> None:
    """Make all slides, then exit: 0, or 1 with one line on standard error."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    os.nice(_NICENESS)
    training, validation, animals, keep = map(int, given[1:])
    plan = SlidePlan(training, validation, training, animals or None)
    try:
        make_missing(Path(given[0]), plan, bool(keep))
    except (HrpnError, OSError) as error:
        sys.exit(str(error))


def _leave_with_parent() -> None:
    """The other end of standard input is the parent's: it closes however the parent ends."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
