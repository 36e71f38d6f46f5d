"""Vectors in the forms that others read already: ONNX's backend tests, .npz, C headers. SPEC 10.1, 10.4."""
