"""What a path holds, so that a command that was given another kind of thing can say what to do."""

import os
from pathlib import Path
from typing import Literal

from hrpn_tf.errors import WrongKindError
from hrpn_tf.text import in_shell

Kind = Literal["slide list", "patch dataset", "run", "bundle", "evaluation", "slide"]

# Suffixes of slide lists; what has another one is taken for a slide.
LISTS = (".csv", ".tsv", ".txt", ".yaml", ".yml")
_SLIDES = (".tif", ".tiff", ".czi", ".lif", ".nd2", ".qptiff")
# A name that only a folder of this kind holds.
_MARKS: tuple[tuple[str, Kind], ...] = (
    ("bundle.json", "bundle"),
    ("hrpn.yaml", "run"),
    ("slides/0000", "patch dataset"),
    ("simulated.json", "patch dataset"),
    ("metrics.json", "evaluation"),
    (".zattrs", "slide"),
    ("zarr.json", "slide"),
)
# (given, wanted): what to do, with {path}.
_ADVICE: dict[tuple[Kind, Kind], str] = {
    ("slide list", "patch dataset"): "make one with: hrpn-tf prepare {path} --out PATCHES",
    ("slide", "patch dataset"): "name it in a slide list, and run hrpn-tf prepare on the list",
    ("run", "patch dataset"): "give the folder that hrpn-tf prepare wrote",
    ("patch dataset", "run"): "make one with: hrpn-tf fit {path} --out RUN",
    ("slide list", "run"): "give the --out of hrpn-tf fit as the run, and the list beside it",
    ("slide", "run"): "give the --out of hrpn-tf fit",
    ("bundle", "run"): "give it as --bundle where the command has that option",
    ("evaluation", "run"): "give the run that was evaluated",
    ("run", "bundle"): "make one with: hrpn-tf export {path} --out BUNDLE",
    ("slide", "slide list"): "write a list with columns slide and group that names it",
    ("slide list", "slide"): "give one of the slides that it names",
}


def kind_of(path: Path) -> Kind | None:
    """What a file or folder is, by its name and by the names in it; None if it is not recognised.

    Nothing is read. A file or folder of no known kind may still be a slide.
    """
    suffix = path.suffix.lower()
    if os.path.isfile(path):
        if suffix in LISTS:
            return "slide list"
        return "slide" if suffix in _SLIDES else None
    kind = next((kind for name, kind in _MARKS if os.path.exists(path / name)), None)
    if kind == "run" and _is_started_folder(path):
        return None
    return kind


def _is_started_folder(path: Path) -> bool:
    """Whether a configuration lies beside a slide list, as ``hrpn-tf init`` writes them."""
    return os.path.exists(path / "slides.csv") and not os.path.exists(path / "contract.json")


def refuse_other_kind(path: Path, wanted: Kind) -> None:
    """Raise if a path holds something that is certainly of another kind.

    Raises:
        WrongKindError: it does; the message says what it is, and what to do.

    Example:
        >>> refuse_other_kind(Path("not-there"), "run")
    """
    given = kind_of(path)
    if given is None or given == wanted:
        return
    advice = _ADVICE.get((given, wanted), f"give a {wanted}").format(path=in_shell(path))
    raise WrongKindError(f"{path}: a {given}, not a {wanted}; {advice}")
