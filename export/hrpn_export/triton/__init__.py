"""A model repository of the NVIDIA Triton Inference Server, made from a bundle."""

from hrpn_export.triton.repository import write_repository

__all__ = ["write_repository"]
