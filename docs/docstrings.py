"""Docstrings as mkdocstrings reads them: Markdown, with the sections of Google's style."""

import re
from typing import Any

from griffe import Extension, Object


class Docstrings(Extension):
    """Rewrites what Sphinx reads and Markdown does not.

    A role such as ``:func:`~a.b.c``` becomes code, ```c```. Double backticks become single ones.
    The section ``Example:`` is called ``Examples:``, so that its lines are shown as code.
    """

    def on_object(self, *, obj: Object, **kwargs: Any) -> None:
        """Rewrite the docstring of one module, class, function or attribute."""
        if obj.docstring:
            text = re.sub(r":[a-z]+:`~(?:[\w.]+\.)?(\w+)`", r"`\1`", obj.docstring.value)
            text = re.sub(r":[a-z]+:`([^`]+)`", r"`\1`", text)
            text = re.sub(r"^Example:$", "Examples:", text, flags=re.MULTILINE)
            obj.docstring.value = text.replace("``", "`")
