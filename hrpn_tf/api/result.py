"""The common part of all results: small frozen objects with plain values."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from hrpn_tf.api.show import facts_html, text_of
from hrpn_tf.slides.names import file_stem


class Result:
    """Common part of all results: a path, a line of text, and HTML."""

    @property
    def _location(self) -> Path:
        """The file or folder that the next step takes."""
        raise NotImplementedError

    def _facts(self) -> Mapping[str, object]:
        """The values that are shown, by name."""
        raise NotImplementedError

    def __fspath__(self) -> str:
        return os.fspath(self._location)

    def __repr__(self) -> str:
        facts = ", ".join(f"{name}={text_of(value)}" for name, value in self._facts().items())
        return f"<{type(self).__name__} {str(self._location)!r}: {facts}>"

    def _repr_html_(self) -> str:
        title = f"{type(self).__name__} {self._location}"
        return facts_html(title, self._facts()) + self._details()

    def _details(self) -> str:
        return ""


def pictures_in(folder: Path, names: Sequence[str] | None = None) -> tuple[Path, ...]:
    """The PNG files of a folder; only those of some names, in their order."""
    if names is None:
        return tuple(sorted(folder.glob("*.png")))
    paths = (folder / f"{file_stem(name)}.png" for name in names)
    return tuple(path for path in paths if path.is_file())
