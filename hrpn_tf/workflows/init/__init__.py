"""A start from a folder of files: slide list, configuration and contact sheet."""
