"""Names that a stranger chose: each acts on a terminal, a page, a spreadsheet or a file system."""

import re

ESCAPES = "\x1b]0;title\x07\x1b[31m\x9b2J\u202eright\x7f"
MARKUP = "a|b <img src=x> [x](javascript:alert(1)) `c` **d** http://e.example $\\frac{$"
FORMULA = "=cmd|'/C calc'!A0"
NAMES = (ESCAPES, MARKUP, FORMULA, "-x", "+1+1", "@SUM(A1)", "_hidden", "\ufeffa\u200b")

_ACTS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def is_harmless(text: str) -> bool:
    """Whether no character of a text but the end of a line acts on a terminal."""
    return _ACTS.search(text) is None
