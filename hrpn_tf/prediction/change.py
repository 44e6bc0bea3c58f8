"""Detect changes of a slide's files while it is predicted."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from hrpn_tf.errors import SlideChangedError
from hrpn_tf.slides.file_states import State, state_of


@dataclass(frozen=True)
class FileStates:
    """Sizes and modification times of files and folders; None for a missing one.

    A slide that is not a file (tests, plug-ins) has no state and never changes.
    """

    states: tuple[tuple[str, State | None], ...]

    @classmethod
    def of(cls, paths: Sequence[Path]) -> Self:
        """Current states; the state of a folder includes all its files."""
        return cls(tuple((str(path), state_of(path)) for path in paths))

    def check(self) -> None:
        """Refuse to continue if a file has changed.

        Raises:
            SlideChangedError: names the file and the kind of change.
        """
        for name, before in self.states:
            now = state_of(Path(name))
            if before == now:
                continue
            what = "vanished" if now is None else "changed"
            raise SlideChangedError(
                f"{name}: {what} while it was read; nothing was kept, predict it again when it is "
                "complete"
            )
