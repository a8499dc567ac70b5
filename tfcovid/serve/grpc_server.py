from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tfcovid.errors import InputError
from tfcovid.serve.address import Address
from tfcovid.serve.refusals import Busy, NotThere
from tfcovid.serve.signature import Signature

_UNLIMITED = -1
_OPTIONS = (
    # 4 MB, the limit of gRPC, is eight slices of 512 x 512.
    ("grpc.max_send_message_length", _UNLIMITED),
    ("grpc.max_receive_message_length", _UNLIMITED),
    # A proxy that the environment names for web pages is not to see scans.
    ("grpc.enable_http_proxy", 0),
)


class GrpcServer:
    """A TF Serving by gRPC. Wants the extra `serving`, whose protos import TensorFlow.

    Args:
        timeout: seconds a call may take altogether.

    Raises:
        InputError: the extra is missing.
    """

    def __init__(self, address: Address, timeout: float):
        try:
            import grpc
            from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc
        except ImportError as error:
            raise InputError(
                "grpc:// needs what `pip install 'tfcovid[serving]'` brings; http:// needs nothing. "
                f"Received: no {error.name}"
            ) from None
        self.address, self._timeout = address, timeout
        channel = grpc.insecure_channel(address.target, options=_OPTIONS)
        self._models = model_service_pb2_grpc.ModelServiceStub(channel)
        self._prediction = prediction_service_pb2_grpc.PredictionServiceStub(channel)

    def status(self, model: str) -> dict[str, Any]:
        """`GetModelStatusResponse` of all versions, as JSON has it."""
        from google.protobuf.json_format import MessageToDict
        from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest

        request = GetModelStatusRequest()
        request.model_spec.name = model
        found = self._call(self._models.GetModelStatus, request)
        return MessageToDict(found, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)

    def metadata(self, model: str, version: int) -> dict[str, Any]:
        """`GetModelMetadataResponse` of a version, as REST gives it."""
        from google.protobuf.json_format import MessageToDict
        from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataRequest, SignatureDefMap

        request = GetModelMetadataRequest(metadata_field=["signature_def"])
        request.model_spec.name, request.model_spec.version.value = model, version
        packed, signatures = self._call(self._prediction.GetModelMetadata, request).metadata, SignatureDefMap()
        if "signature_def" not in packed or not packed["signature_def"].Unpack(signatures):
            raise InputError(f"{self.address} does not describe {model} as TF Serving does. Received: {list(packed)}")
        return {"metadata": {"signature_def": MessageToDict(signatures, preserving_proto_field_name=True)}}

    def predict(
        self, model: str, version: int, name: str, signature: Signature, inputs: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """What a signature answers.

        Raises:
            Busy: nobody listens, or the server says that it is busy.
            InputError: the server refuses, does not answer in time, or what it answers is not what it describes.
        """
        import tensorflow as tf
        from tensorflow_serving.apis.predict_pb2 import PredictRequest

        request = PredictRequest()
        request.model_spec.name, request.model_spec.version.value = model, version
        request.model_spec.signature_name = name
        for key, array in inputs.items():
            request.inputs[key].CopyFrom(tf.make_tensor_proto(array))
        outputs = self._call(self._prediction.Predict, request).outputs
        found = {}
        for key in outputs.keys() & signature.outputs.keys():
            try:
                found[key] = tf.make_ndarray(outputs[key])
            except (TypeError, ValueError) as error:
                raise InputError(f"output {key}: is no tensor. Received: {error}"[:400]) from None
            if found[key].dtype != signature.outputs[key].numpy:
                raise InputError(f"output {key}: is to be {signature.outputs[key]}. Received: {found[key].dtype}")
        return found

    def _call(self, method: Callable, request: object) -> Any:
        import grpc

        try:
            return method(request, timeout=self._timeout)
        except grpc.RpcError as error:
            code, words = error.code(), str(error.details())[:500]
        if code is grpc.StatusCode.UNAVAILABLE and ("http1" in words or "parsing HTTP/2" in words):
            raise InputError(
                f"{self.address} speaks HTTP, not gRPC; TF Serving's REST API is http://HOST:PORT. Received: {words}"
            )
        too_large = "message larger than max" in words
        if code is grpc.StatusCode.UNAVAILABLE or (code is grpc.StatusCode.RESOURCE_EXHAUSTED and not too_large):
            raise Busy(f"nobody listens at {self.address}, or it is busy. Received: {code.name}, {words}")
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            raise InputError(f"{self.address} took over {self._timeout:g} s; --timeout waits longer. Received: {words}")
        kind = NotThere if code is grpc.StatusCode.NOT_FOUND else InputError
        raise kind(f"{self.address} refuses. Received: {code.name}, {words}")
