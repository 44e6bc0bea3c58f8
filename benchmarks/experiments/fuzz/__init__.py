"""Damaged files of every kind, read as a user would read them."""
