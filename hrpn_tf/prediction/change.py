"""Whether the files of a slide are still those that were opened."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from hrpn_tf.errors import SlideChangedError


@dataclass(frozen=True)
class FileStates:
    """Size and time of change of some files; None for one that is not there.

    A slide that is no file (tests, plug-ins) has none either way, and never changes.
    """

    states: tuple[tuple[str, tuple[int, int] | None], ...]

    @classmethod
    def of(cls, files: Sequence[Path]) -> Self:
        """As they are now."""
        return cls(tuple((str(path), _state(path)) for path in files))

    def check(self) -> None:
        """Refuse to go on if a file is another now.

        Raises:
            SlideChangedError: says which one, and how.
        """
        for name, before in self.states:
            now = _state(Path(name))
            if before == now:
                continue
            what = "vanished" if now is None else "changed"
            raise SlideChangedError(
                f"{name}: {what} while it was read; nothing was kept, predict it again when it is "
                "complete"
            )


def _state(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
