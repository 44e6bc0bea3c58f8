"""Whole-slide prediction compared with MONAI's sliding_window_inference."""
