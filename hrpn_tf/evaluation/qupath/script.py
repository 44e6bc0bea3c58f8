"""A Groovy script that imports slides and their objects into a QuPath project."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hrpn_tf.text import printable

SCRIPT = "import.groovy"
_TEMPLATE = Path(__file__).parent / "import.groovy"


@dataclass(frozen=True)
class ScriptSlide:
    """A slide that the script imports.

    Attributes:
        name: shown in the project.
        image: file or folder.
        objects: name of the GeoJSON file, in the folder of the script.
        scale: px of the image per px of the coordinates.
    """

    name: str
    image: Path
    objects: str
    scale: float = 1.0


def import_script(folder: Path, slides: Sequence[ScriptSlide]) -> str:
    """The text of the script, ASCII alone.

    Args:
        folder: that holds the GeoJSON files.
        slides: in the order of the project.
    """
    rows = [
        f"  [name: {groovy_text(printable(each.name))}, image: {groovy_text(str(each.image))},\n"
        f"   objects: {groovy_text(each.objects)}, scale: {each.scale!r}],\n"
        for each in slides
    ]
    text = _TEMPLATE.read_text(encoding="ascii")
    return text.replace("'@FOLDER@'", groovy_text(str(folder))).replace("@SLIDES@", "".join(rows))


def groovy_text(text: str) -> str:
    r"""A text as a string of Groovy, in which nothing is replaced or run.

    Strings in single quotes know no ``$``. What is not printable ASCII is written as UTF-16 units.

    Example:
        >>> print(groovy_text("a 'b' µ"))
        'a \'b\' \u00b5'
    """
    parts = []
    for character in text:
        if character in "\\'":
            parts.append("\\" + character)
        elif " " <= character <= "~":
            parts.append(character)
        else:
            units = character.encode("utf-16-be", errors="surrogatepass")
            parts += [f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2)]
    return "'" + "".join(parts) + "'"
