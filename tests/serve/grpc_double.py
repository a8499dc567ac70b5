"""TF Serving's gRPC services over a `Served`: a double, see `served_double`."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataResponse, SignatureDefMap
from tensorflow_serving.apis.model_service_pb2_grpc import ModelServiceServicer, add_ModelServiceServicer_to_server
from tensorflow_serving.apis.prediction_service_pb2_grpc import (
    PredictionServiceServicer,
    add_PredictionServiceServicer_to_server,
)

from tests.serve.served_double import Refusal, Served


class _Services(ModelServiceServicer, PredictionServiceServicer):
    def __init__(self, served: Served):
        self._served = served

    def GetModelStatus(self, request, context):
        return _answer(lambda: self._served.status(request.model_spec), context)

    def GetModelMetadata(self, request, context):
        return _answer(lambda: self._metadata(request), context)

    def Predict(self, request, context):
        return _answer(lambda: self._served.predict(request), context)

    def _metadata(self, request):
        if list(request.metadata_field) != ["signature_def"]:
            raise Refusal("INVALID_ARGUMENT", "Metadata field is not supported")
        response, signatures = GetModelMetadataResponse(), SignatureDefMap()
        response.model_spec.CopyFrom(request.model_spec)
        response.model_spec.version.value = self._served.version(request.model_spec)
        for name, signature in self._served.signatures.items():
            signatures.signature_def[name].CopyFrom(signature)
        response.metadata["signature_def"].Pack(signatures)
        return response


def _answer(what: Callable, context):
    try:
        return what()
    except Refusal as refusal:
        context.abort(grpc.StatusCode[refusal.code], refusal.words)


@contextmanager
def grpc_double(served: Served, most: int = 2**31 - 1) -> Iterator[str]:
    """Yields the URL of a server on 127.0.0.1 that is gone afterwards.

    Args:
        most: bytes it receives in one message, as TF Serving sets it.
    """
    server = grpc.server(ThreadPoolExecutor(2), options=[("grpc.max_receive_message_length", most)])
    services = _Services(served)
    add_ModelServiceServicer_to_server(services, server)
    add_PredictionServiceServicer_to_server(services, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"grpc://127.0.0.1:{port}"
    finally:
        server.stop(grace=None).wait()
