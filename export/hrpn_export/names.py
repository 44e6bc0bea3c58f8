"""Names that are the same in every format."""

# float32 (N, H, W, inputs) and (N, H, W, outputs), grey levels
INPUT, OUTPUT = "grey_levels", "prediction"
# of a TFLite file and a SavedModel
SIGNATURE = "serving_default"

# float32 (1, H, W, inputs) and the Keras model's (1, H, W, outputs), in every bundle
TEST_INPUT, TEST_OUTPUT = "test_input.npy", "test_output.npy"
