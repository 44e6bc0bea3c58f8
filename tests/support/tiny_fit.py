"""``hrpn-tf`` with the tiny network; for tests that kill it: ``python tiny_fit.py fit ...``."""

import os
import signal

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"

from hrpn_tf.cli.main import run
from hrpn_tf.models import presets
from support import tiny_network

# A shell starts what runs in the background with Ctrl-C ignored, and processes inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
presets.PRESETS = (*presets.PRESETS, *tiny_network.ALL)
run()
