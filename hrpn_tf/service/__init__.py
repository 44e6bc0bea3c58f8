"""``hrpn-tf serve``: predictions over HTTP, one job after another.

The server process answers requests and opens no slide: it imports no runtime. A process of its own
(:mod:`hrpn_tf.service.worker`) holds the network and predicts, so that a slide that brings it down
takes neither the server nor another job with it.
"""

WORKER = "hrpn_tf.service.worker"  # by name: the server does not import what it imports
