"""The networks that run in a browser: each with its steps before and after in one ONNX graph, and weights of 8 bits."""
