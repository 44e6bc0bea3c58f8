"""ONNX files in float32, float16 and int8."""
