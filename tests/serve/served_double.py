"""What TF Serving does with a SavedModel, done by TensorFlow in this process: the server doubles stand on it.

A double, not TF Serving: its binary comes in a container image alone, which is not to be had where these tests run. It
follows the official protos, the documented REST API (https://www.tensorflow.org/tfx/serving/api_rest) and what the
source of the server says of errors (predict_util.cc, get_model_status_impl.cc, json_tensor.cc). Batching is not in it.
"""

import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusResponse, ModelVersionStatus
from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse


@cache
def _load(folder: Path):
    return tf.saved_model.load(str(folder))


class Refusal(Exception):
    """A status that is not OK, by the name of its code."""

    def __init__(self, code: str, words: str):
        super().__init__(words)
        self.code, self.words = code, words


class Served:
    """A model of one version.

    Attributes:
        functions: those of the SavedModel.
        states: version -> its state, and an error where it has one.
        asked: times that something was predicted, or tried to be.
        busy: how many further questions are met with "busy".
        delay: seconds that an answer takes.
        damage: changes the outputs before they are sent.
    """

    def __init__(self, name: str, folder: Path):
        saved = saved_model_pb2.SavedModel()
        saved.ParseFromString((folder / "saved_model.pb").read_bytes())
        self.name, self.signatures = name, dict(saved.meta_graphs[0].signature_def)
        self.functions = _load(folder).signatures
        self.states: dict[int, tuple[str, str]] = {1: ("AVAILABLE", "")}
        self.asked, self.busy, self.delay = 0, 0, 0.0
        self.damage: Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]] = lambda outputs: outputs

    def status(self, spec) -> GetModelStatusResponse:
        self._take()
        if spec.name != self.name:
            raise Refusal("NOT_FOUND", f"Could not find any versions of model {spec.name}")
        response = GetModelStatusResponse()
        for version, (state, error) in self.states.items():
            one = response.model_version_status.add(version=version, state=ModelVersionStatus.State.Value(state))
            if error:
                one.status.error_code, one.status.error_message = 2, error
        return response

    def version(self, spec) -> int:
        ready = [version for version, (state, _) in self.states.items() if state == "AVAILABLE"]
        wanted = spec.version.value if spec.HasField("version") else max(ready, default=None)
        if spec.name != self.name or wanted not in ready:
            which = f"Specific({spec.name}, {wanted})" if spec.HasField("version") else f"Latest({spec.name})"
            raise Refusal("NOT_FOUND", f"Servable not found for request: {which}")
        return wanted

    def predict(self, request: PredictRequest) -> PredictResponse:
        self.asked += 1
        self._take()
        version, name = self.version(request.model_spec), request.model_spec.signature_name or "serving_default"
        if name not in self.signatures:
            raise Refusal("FAILED_PRECONDITION", f'Serving signature key "{name}" not found.')
        wanted = self.signatures[name].inputs
        if set(wanted) != set(request.inputs):
            raise Refusal("INVALID_ARGUMENT", f"input size does not match signature: {sorted(request.inputs)}")
        inputs = {}
        for key, proto in request.inputs.items():
            if proto.dtype != wanted[key].dtype:
                expected, given = (tf.as_dtype(one.dtype).name for one in (wanted[key], proto))
                raise Refusal("INVALID_ARGUMENT", f"Expects arg[0] to be {expected} but {given} is provided")
            inputs[key] = tf.constant(tf.make_ndarray(proto))
        try:
            outputs = self.functions[name](**inputs)
        except tf.errors.OpError as error:
            code = next(code.name for code in grpc.StatusCode if code.value[0] == error.error_code)
            raise Refusal(code, error.message) from None
        response = PredictResponse()
        response.model_spec.CopyFrom(request.model_spec)
        response.model_spec.version.value = version
        for key, value in self.damage(dict(outputs)).items():
            # As the server does: numbers in typed fields, not as bytes.
            array = np.asarray(value)
            proto = response.outputs[key]
            proto.dtype = tf.as_dtype(array.dtype).as_datatype_enum
            proto.tensor_shape.CopyFrom(tf.TensorShape(array.shape).as_proto())
            field = {"f": "float_val", "i": "int_val", "u": "int_val", "b": "bool_val"}[array.dtype.kind]
            getattr(proto, "int64_val" if array.dtype == np.int64 else field).extend(array.ravel().tolist())
        return response

    def _take(self) -> None:
        time.sleep(self.delay)
        if self.busy:
            self.busy -= 1
            raise Refusal("UNAVAILABLE", "The batch scheduling queue to which this task was submitted is full")
