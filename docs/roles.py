"""Docstrings in Markdown: roles of reStructuredText become code, double backticks single ones."""

import re
from typing import Any

from griffe import Extension, Object


class Roles(Extension):
    """``:func:`~a.b.c``` becomes ```c```; ````x```` becomes ```x```."""

    def on_object(self, *, obj: Object, **kwargs: Any) -> None:
        """Rewrite the docstring of one module, class, function or attribute."""
        if obj.docstring:
            text = re.sub(r":[a-z]+:`~(?:[\w.]+\.)?(\w+)`", r"`\1`", obj.docstring.value)
            text = re.sub(r":[a-z]+:`([^`]+)`", r"`\1`", text)
            obj.docstring.value = text.replace("``", "`")
