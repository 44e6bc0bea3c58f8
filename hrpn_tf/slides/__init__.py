"""Reading and writing whole-slide images."""
