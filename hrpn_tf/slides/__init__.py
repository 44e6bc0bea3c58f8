"""Reading and writing whole-slide images by windows.

Example:
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from hrpn_tf.slides import open_slide, write_slide
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name) / "01.ome.tif"
    >>> image = np.arange(24, dtype=np.uint8).reshape(3, 4, 2)
    >>> write_slide(path, image, channels=("CD31", "DAPI"), pixel_size_um=0.5, provenance={})
    >>> with open_slide(path) as slide:
    ...     window = slide.read(y=1, x=2, height=1, width=2, channels=[0])
    >>> window.ravel().tolist(), slide.info.channels, slide.info.pixel_size_um
    ([12, 14], ('CD31', 'DAPI'), 0.5)
    >>> folder.cleanup()
"""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:  # `as` makes them known to the type checkers of users
    from hrpn_tf.slides.metadata import implausible as implausible
    from hrpn_tf.slides.opening import open_labels as open_labels
    from hrpn_tf.slides.opening import open_slide as open_slide
    from hrpn_tf.slides.provenance import read_provenance as read_provenance
    from hrpn_tf.slides.readers import SlideReader as SlideReader
    from hrpn_tf.slides.slide import Slide as Slide
    from hrpn_tf.slides.slide import SlideInfo as SlideInfo
    from hrpn_tf.slides.slide import Windows as Windows
    from hrpn_tf.slides.slide import channel_index as channel_index
    from hrpn_tf.slides.slide import iter_windows as iter_windows
    from hrpn_tf.slides.write import SlideWriter as SlideWriter
    from hrpn_tf.slides.write import write_slide as write_slide

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "metadata": ["implausible"],
        "opening": ["open_labels", "open_slide"],
        "provenance": ["read_provenance"],
        "readers": ["SlideReader"],
        "slide": ["Slide", "SlideInfo", "Windows", "channel_index", "iter_windows"],
        "write": ["SlideWriter", "write_slide"],
    },
)
