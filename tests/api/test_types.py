"""The types of the face, as the program of a user sees them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.places import ROOT

SAMPLE = Path(__file__).parent / "sample.py"


def mypy(program: Path, cache: Path) -> str:
    places = [ROOT, ROOT / "export", ROOT / "benchmarks"]
    done = subprocess.run(
        [
            sys.executable, "-m", "mypy", "--strict", "--config-file=", "--follow-imports=silent",
            f"--cache-dir={cache}", str(program),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "MYPYPATH": os.pathsep.join(map(str, places))},
        cwd=cache,
    )  # fmt: skip
    return done.stdout + done.stderr


@pytest.mark.slow
def test_a_program_of_a_user_is_typed_completely(tmp_path: Path) -> None:
    assert mypy(SAMPLE, tmp_path).startswith("Success")
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        "import hrpn_tf as ht\nimport numpy as np\nht.predicct\n"
        "ht.predict('run', np.zeros((8, 8, 2)))\nht.fit('patches')\n"
    )
    found = mypy(wrong, tmp_path)
    for line in (3, 4, 5):
        assert f"wrong.py:{line}: error" in found
