"""Reading and writing of OME-Zarr; :mod:`hrpn_tf.slides.readers` and ``write`` are the doors."""
