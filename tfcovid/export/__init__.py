"""A bundle in other forms, each proved equal to it: TF Serving, TFLite, ONNX, OpenVINO.

`export_bundle` writes and verifies; `ServingModel` is a bundle as TensorFlow graphs that need neither Keras nor
tfcovid, with whole slices in and a diagnosis out.

Not done yet, in the order in which it is next: a faster `Diagnosis.save`, which is most of what `tfcovid predict` takes
with a small network on OpenVINO; `compose.yaml` started with TF Serving's image.
"""

from tfcovid.export.evidence import Evidence
from tfcovid.export.export_bundle import FORMATS, export_bundle
from tfcovid.export.serving_model import ServingModel

__all__ = ["FORMATS", "Evidence", "ServingModel", "export_bundle"]
