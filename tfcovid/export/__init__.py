"""A bundle as TensorFlow graphs that need neither Keras nor tfcovid.

`ServingModel` has whole slices in and a diagnosis out. Not here yet, in the order in which they are next: the command
that writes, verifies and describes an export (`tests/export/through_c_api.py` runs signatures as it should); encoded
pictures and embeddings as signatures; crops by a segmenter, and segmenters; TFLite, ONNX and OpenVINO.
"""

from tfcovid.export.serving_model import ServingModel

__all__ = ["ServingModel"]
