"""The work of each command, callable from Python.

The modules of ``hrpn_tf.cli`` parse arguments, call one of these functions, and print its result.
"""
