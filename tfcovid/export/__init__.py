"""A bundle in other forms, each proved equal to it: TF Serving, TFLite, ONNX, OpenVINO.

`export_bundle` writes and verifies; `ServingModel` is a bundle as TensorFlow graphs that need neither Keras nor
tfcovid, with whole slices in and a diagnosis out.

Not done yet, in the order in which it is next: the table of every 2-D network in TFLite's integers
(`benchmarks/tflite.py networks`, for `docs/edge.md`); exports of all configs at their own sizes, which
`tests/export/test_write_savedmodel.py` has as slow tests; one copy of the slice network for all CT windows in
`SystemGraph`, as `read_together` has it; a faster `Diagnosis.save`, which is most of what `tfcovid predict` takes on
OpenVINO.
"""

from tfcovid.export.evidence import Evidence
from tfcovid.export.export_bundle import FORMATS, export_bundle
from tfcovid.export.serving_model import ServingModel

__all__ = ["FORMATS", "Evidence", "ServingModel", "export_bundle"]
