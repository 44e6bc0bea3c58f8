"""``python -m hrpn_tf``: the same as the command ``hrpn-tf``."""

from hrpn_tf.cli.main import run

run()
