"""Text that comes from files, made harmless where it is shown.

File names, channel names, labels and groups are chosen by the author of a slide or a bundle. They
may hold escape sequences for a terminal, marks that turn the direction of writing, or Markdown.
"""

import re

# Markup wherever it stands; the rest only at the beginning, at the border of a word, or in an
# address that a page would turn into a link.
_MARKUP = re.compile(
    r"[\\`*{}\[\]|~$^@]"
    r"|(?<![^\W_])_|_(?![^\W_])"
    r"|:(?=\S)"
    r"|(?<=www)\."
    r"|\A[#+=-]"
    r"|(?<=\A\d)[.)]|(?<=\A\d\d)[.)]|(?<=\A\d\d\d)[.)]",
    re.IGNORECASE,
)


def printable(text: object, longest: int | None = None) -> str:
    """One line that shows every character, and does nothing else to a terminal.

    White space becomes a blank. Control characters, marks of direction, lone surrogates and other
    characters that do not print are written as Python writes them.

    Args:
        text: anything with a ``str``.
        longest: characters that are kept; the rest becomes an ellipsis. None keeps all.

    Example:
        >>> printable("DAPI" + chr(27) + "[31m" + chr(0x202E))
        'DAPI\\\\x1b[31m\\\\u202e'
    """
    line = "".join(map(_visible, str(text)))
    if longest is not None and len(line) > longest:
        line = line[: longest - 1] + "…"
    return line


def printable_lines(text: object) -> str:
    """:func:`printable` for text of several lines, which stay lines.

    Example:
        >>> printable_lines("one" + chr(27) + chr(10) + "two")
        'one\\\\x1b\\ntwo'
    """
    return "\n".join(map(printable, str(text).split("\n")))


def markdown(text: object) -> str:
    """Text that Markdown and HTML show as it is: no markup, no link, no end of a table cell.

    What needs no escape has none, so that a table is easily read as text, too.

    Example:
        >>> markdown("a|b <i>"), markdown("slide-01 (x_2.tif)")
        ('a\\\\|b &lt;i&gt;', 'slide-01 (x_2.tif)')
    """
    line = printable(text).strip()
    line = _MARKUP.sub(lambda found: "\\" + found[0], line.replace("&", "&amp;"))
    return line.replace("<", "&lt;").replace(">", "&gt;")


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    if character.isspace() and character not in "\x1c\x1d\x1e\x1f\x85\u2028\u2029":
        return " "
    return ascii(character)[1:-1]
