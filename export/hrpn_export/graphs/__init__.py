"""Rewriting of ONNX graphs: same result, fewer and more widely supported operations."""
