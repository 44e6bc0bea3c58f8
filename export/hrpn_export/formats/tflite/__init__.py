"""TFLite files in float32, float16, dynamic-range and full int8."""
