"""Tries whether Qt can draw with OpenGL here; the exit code says so. Run as a program."""

import sys

NO_OPENGL = 3
_LEAST = (2, 1)


def draws() -> bool:
    """Whether a context of OpenGL can be made; Qt ends the process if there is no display."""
    from qtpy.QtGui import QGuiApplication, QOffscreenSurface, QOpenGLContext

    application = QGuiApplication([])
    context, surface = QOpenGLContext(), QOffscreenSurface()
    surface.create()
    made = bool(context.create() and context.makeCurrent(surface))
    found = made and tuple(context.format().version()) >= _LEAST and _is_seen()
    del surface, context, application
    return found


def _is_seen() -> bool:
    """Whether the library that napari draws with finds the context that Qt made.

    Without GLX, Qt falls back to EGL, and napari's window stays empty.
    """
    from OpenGL import contextdata, error

    try:
        contextdata.getContext()
    except error.Error:
        return False
    return True


if __name__ == "__main__":
    sys.exit(0 if draws() else NO_OPENGL)
