"""What is known of a slide, and what a network asks of it."""

from pathlib import Path

import numpy as np
from hrpn_export import Contract

from hrpn_tf.slides import SlideInfo

INFO = SlideInfo(
    path=Path("a.ome.tif"),
    height=10,
    width=10,
    channels=("DAPI", "SpGreen", "SpOrange"),
    dtype=np.dtype("uint8"),
    pixel_size_um=0.5,
    levels=(1.0,),
)
CONTRACT = Contract(
    inputs=("vessels", "nuclei"),
    outputs=("qd",),
    pixel_size_um=0.5,
    stride_multiple=8,
    receptive_field=31,
    tile_exact=True,
    grey_max=255.0,
)
