"""Helpers of the tests: what several test modules need stands here, and only here."""
