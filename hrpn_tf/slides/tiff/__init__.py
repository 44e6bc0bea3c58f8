"""Reading and writing of TIFF; :mod:`hrpn_tf.slides.readers` and ``write`` are the doors."""
