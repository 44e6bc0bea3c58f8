"""Only ``hrpn_tf.runs`` knows the names of the files of a run folder."""

import io
import tokenize
from pathlib import Path

import hrpn_tf
from hrpn_tf.runs import calibrated, folder

PACKAGE = Path(hrpn_tf.__file__).parent
NAMES = {value for name, value in vars(folder).items() if name.isupper()}
NAMES |= {calibrated.MODEL, calibrated.RECORD}
# Words that also mean something else: a section of pages, an option, the name of a command.
ALSO_WORDS = {
    "evaluation",
    "predictions",
    "report",
    "plan",
    "logs",
    "pictures",
    "checkpoints",
    "twin",
}


def strings(path: Path) -> set[str]:
    """The string literals of a Python file that are neither docstrings nor parts of a text."""
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
    return {token.string.strip("'\"") for token in tokens if token.type == tokenize.STRING}


def test_no_other_module_names_a_file_of_a_run() -> None:
    found = {
        (str(path.relative_to(PACKAGE)), text)
        for path in PACKAGE.rglob("*.py")
        if "runs" not in path.parts
        for text in strings(path) & (NAMES - ALSO_WORDS)
    }
    # the title of the schema; and what tells a run from other kinds of folder, below every room
    told_apart = {("kinds.py", name) for name in ("hrpn.yaml", "contract.json")}
    assert found == {("config/schema.py", "hrpn.yaml"), *told_apart}
