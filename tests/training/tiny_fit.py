"""``hrpn-tf`` with the tiny network; for tests that kill it: ``python tiny_fit.py fit ...``."""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"

import tiny_network

from hrpn_tf.cli.main import run

tiny_network.register()
run()
