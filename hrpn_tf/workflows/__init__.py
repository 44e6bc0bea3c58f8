"""What a command does, callable from Python; each command line file parses, calls one of these
functions, and prints.
"""
