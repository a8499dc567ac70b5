"""Crop, selection, networks and decision as TensorFlow graphs, equal to those of tfcovid in NumPy and OpenCV."""
