"""MediaPipe's palm and hand nets as ONNX files (see ``__main__.py``)."""
