from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tfcovid.errors import InputError

WARMUP_FILE = Path("assets.extra", "tf_serving_warmup_requests")
_MOST = 1000  # that TF Serving reads


def write_warmup(
    version_folder: str | Path, name: str, requests: Sequence[tuple[str, Mapping[str, np.ndarray]]]
) -> Path:
    """Writes requests that TF Serving answers to itself when it loads the model, so that no first client waits.

    A TFRecord of `PredictionLog`, in `assets.extra/tf_serving_warmup_requests`. A request that fails keeps the server
    from loading the model: each is held to what the SavedModel says that its signature takes.

    Args:
        version_folder: NAME/1, with a `saved_model.pb`.
        name: of the model.
        requests: signature and inputs of each. One or two a signature are enough: they are answered one after the
            other before the model is AVAILABLE.

    Raises:
        InputError: a request that the signature does not take, none at all, over 1,000, or the extra `serving` is
            missing.
    """
    try:
        from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog
    except ImportError as error:
        raise InputError(
            f"warm-up requests need what `pip install 'tfcovid[serving]'` brings. Received: no {error.name}"
        ) from None
    version_folder = Path(version_folder)
    if not 0 < len(requests) <= _MOST:
        raise InputError(f"warm-up: give 1 to {_MOST} requests. Received: {len(requests)}")
    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString((version_folder / "saved_model.pb").read_bytes())
    signatures = saved.meta_graphs[0].signature_def
    records = []
    for signature, inputs in requests:
        _check(signatures, signature, inputs)
        log = PredictionLog()
        request = log.predict_log.request
        request.model_spec.name, request.model_spec.signature_name = name, signature
        for key, array in inputs.items():
            request.inputs[key].CopyFrom(tf.make_tensor_proto(array))
        records.append(log.SerializeToString())
    path = version_folder / WARMUP_FILE
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
    return path


def _check(signatures: Mapping, signature: str, inputs: Mapping[str, np.ndarray]) -> None:
    if signature not in signatures:
        there = ", ".join(sorted(one for one in signatures if not one.startswith("__")))
        raise InputError(f"warm-up: the model has the signatures {there}. Received: {signature}")
    wanted = signatures[signature].inputs
    for key in sorted(wanted.keys() | inputs.keys()):
        if key not in wanted:
            raise InputError(f"warm-up: {signature} takes {', '.join(sorted(wanted))}. Received: {key}")
        if key not in inputs or not _fits(inputs[key], wanted[key]):
            given = f"{inputs[key].dtype} {inputs[key].shape}" if key in inputs else "nothing"
            takes = f"{tf.as_dtype(wanted[key].dtype).name} {tf.TensorShape(wanted[key].tensor_shape)}"
            raise InputError(f"warm-up: {signature} takes {key} as {takes}. Received: {given}")


def _fits(array: np.ndarray, wanted: object) -> bool:
    given = tf.string if array.dtype.kind in "OS" else tf.as_dtype(array.dtype)
    return given == tf.as_dtype(wanted.dtype) and tf.TensorShape(wanted.tensor_shape).is_compatible_with(array.shape)
