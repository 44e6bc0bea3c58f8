"""Opens files of a Zarr, and none that a link leads to outside of it."""

import errno
import os
from pathlib import Path

from hrpn_tf.errors import SlideFormatError

_REMEMBERED = 2**16


class Inside:
    """The files below a folder; links among them may be followed, links that lead out may not.

    A slide from a stranger could otherwise show, or copy into results, any file of this computer.

    Args:
        root: the folder that the user named. It may itself be a link.
    """

    def __init__(self, root: Path) -> None:
        self._root = os.path.realpath(root)
        self._folders: set[str] = set()  # whose real place was found to be inside

    def holds(self, path: Path) -> bool:
        """Whether a path lies in the folder once all links in it are followed."""
        real = os.path.realpath(path)
        return real == self._root or real.startswith(os.path.join(self._root, ""))

    def check(self, path: Path) -> None:
        """Refuse a path that a link, in it or at its end, leads out of the folder.

        Raises:
            SlideFormatError: it does.
        """
        if not self.holds(path):
            raise SlideFormatError(
                f"{path}: a link leads out of the slide; put what it leads to in its place"
            )

    def open(self, file: Path) -> int | None:
        """The handle of a file for reading; None if there is no such file.

        Raises:
            SlideFormatError: a link leads out of the folder.
            OSError: the file cannot be opened.
        """
        # a pipe in the place of a file would be waited for without O_NONBLOCK
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
        folder = os.path.dirname(file)
        if folder not in self._folders:
            self.check(Path(folder))
            if len(self._folders) >= _REMEMBERED:
                self._folders.clear()
            self._folders.add(folder)
        try:
            return os.open(file, flags | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
        self.check(file)
        return os.open(file, flags)
