"""Reading and writing whole-slide images."""

from hrpn_tf.slides.metadata import implausible
from hrpn_tf.slides.opening import open_slide
from hrpn_tf.slides.provenance import read_provenance
from hrpn_tf.slides.readers import SlideReader
from hrpn_tf.slides.slide import Slide, SlideInfo, channel_index, iter_windows
from hrpn_tf.slides.write import SlideWriter, write_slide

__all__ = [
    "Slide",
    "SlideInfo",
    "SlideReader",
    "SlideWriter",
    "channel_index",
    "implausible",
    "iter_windows",
    "open_slide",
    "read_provenance",
    "write_slide",
]
