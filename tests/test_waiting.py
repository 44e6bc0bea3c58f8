"""What a command says of its time: all of it, from the start of its process on."""

import re
import subprocess
import sys
import time

from hrpn_tf.waiting import START_UP, Waiting


def test_parts_within_parts_count_once() -> None:
    waiting = Waiting()
    waiting.begin()
    began = time.monotonic()
    with waiting.part("outer"):
        time.sleep(0.02)
        with waiting.part("inner"):
            time.sleep(0.03)
    with waiting.part("outer"):
        pass
    took = time.monotonic() - began
    parts = waiting.parts()
    assert list(parts) == [START_UP, "outer", "inner", "other"]
    assert parts["inner"] >= 0.03
    assert parts["outer"] >= 0.02
    assert parts["outer"] + parts["inner"] <= took, "what is within is not counted twice"


def test_the_start_of_the_process_counts() -> None:
    code = (
        "import time; time.sleep(0.3)\n"
        "from hrpn_tf.waiting import Waiting; waiting = Waiting(); waiting.begin()\n"
        "print(waiting); waiting.begin(); print(waiting)"
    )
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    first, second = (re.match(r"([\d.]+) s in all", line) for line in out.stdout.splitlines())
    assert first is not None
    assert second is not None
    assert float(first[1]) >= 0.3
    assert float(second[1]) < float(first[1]), "the second command of the process"
