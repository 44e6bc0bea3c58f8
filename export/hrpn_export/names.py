"""Names that are the same in every format."""

# float32 (N, H, W, inputs) and (N, H, W, outputs), grey levels
INPUT, OUTPUT = "grey_levels", "prediction"
