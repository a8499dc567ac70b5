"""TF Serving's documented REST API over a `Served`: a double, see `served_double`."""

import base64
import binascii
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote

import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow_serving.apis.get_model_metadata_pb2 import SignatureDefMap
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.apis.predict_pb2 import PredictRequest

from tests.serve.served_double import Refusal, Served

_PREDICT = re.compile(r"/v1/models/([^/:]+)(?:/versions/(\d+))?:predict")
_STATUS = re.compile(r"/v1/models/([^/:]+)(?:/versions/(\d+))?(/metadata)?")
# http_server.cc, ToHTTPStatusCode.
_CODES = {
    "NOT_FOUND": 404,
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "RESOURCE_EXHAUSTED": 429,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
    "INTERNAL": 500,
}
_JSON = {"preserving_proto_field_name": True, "always_print_fields_with_no_presence": True}


def request_of(text: bytes, spec: ModelSpec, served: Served) -> tuple[PredictRequest, str]:
    """What `FillPredictRequestFromJson` makes of a body, and whether it came in rows or columns."""
    try:
        body = json.loads(text)
    except ValueError as error:
        raise Refusal("INVALID_ARGUMENT", f"JSON Parse error: {error}") from None
    if not isinstance(body, dict):
        raise Refusal("INVALID_ARGUMENT", "JSON Value: Is not object")
    request = PredictRequest()
    request.model_spec.CopyFrom(spec)
    name = body.get("signature_name", "")
    if not isinstance(name, str):
        raise Refusal("INVALID_ARGUMENT", "'signature_name' key must be a string value.")
    request.model_spec.signature_name = name
    served.version(spec)
    signature = served.signatures.get(name or "serving_default")
    if signature is None:
        raise Refusal("INVALID_ARGUMENT", f'Serving signature name: "{name}" not found in signature def')
    if ("instances" in body) == ("inputs" in body):
        raise Refusal("INVALID_ARGUMENT", "expecting only one of 'inputs' or 'instances' keys to exist")
    columns, form = (body["inputs"], "columns") if "inputs" in body else (_columns(body["instances"]), "rows")
    if not isinstance(columns, dict) or set(columns) == {"b64"}:
        if len(signature.inputs) > 1:
            raise Refusal("INVALID_ARGUMENT", "expecting an object as multiple input tensors required")
        columns = {next(iter(signature.inputs)): columns}
    for key, info in signature.inputs.items():
        if key not in columns:
            raise Refusal("INVALID_ARGUMENT", f"Missing named input: {key} in 'inputs' object.")
        request.inputs[key].CopyFrom(tf.make_tensor_proto(_tensor(columns[key], tf.as_dtype(info.dtype))))
    return request, form


def _columns(instances):
    if not isinstance(instances, list) or not instances:
        raise Refusal("INVALID_ARGUMENT", "Excepting 'instances' to be an list/array")
    if not isinstance(instances[0], dict) or set(instances[0]) == {"b64"}:
        return instances
    if any(set(one) != set(instances[0]) for one in instances):
        raise Refusal("INVALID_ARGUMENT", "Failed to process element of 'instances' list: must only have keys")
    return {key: [one[key] for one in instances] for key in instances[0]}


def _tensor(value, dtype: tf.DType) -> np.ndarray:
    if dtype == tf.string:
        return np.array(_decoded(value), object)
    try:
        array = np.array(value)
    except ValueError:
        raise Refusal("INVALID_ARGUMENT", "Encountered list at unexpected size") from None
    wanted = dtype.as_numpy_dtype
    if array.dtype.kind not in ("if" if dtype.is_floating else "i") or (array != array.astype(wanted)).any():
        raise Refusal("INVALID_ARGUMENT", f"JSON Value is not of expected type: {dtype.name}")
    return array.astype(wanted)


def _decoded(value):
    if isinstance(value, list):
        return [_decoded(one) for one in value]
    if isinstance(value, str):
        return value.encode()
    if not isinstance(value, dict) or set(value) != {"b64"}:
        raise Refusal("INVALID_ARGUMENT", "JSON Value is not formatted correctly for base64 data")
    try:
        return base64.b64decode(value["b64"], validate=True)
    except binascii.Error:
        raise Refusal("INVALID_ARGUMENT", "Unable to base64 decode") from None


def _json_of(outputs, form: str) -> dict:
    """`MakeJsonFromTensors`: rows only where all tensors have as many, names only where there are several."""
    arrays = {key: tf.make_ndarray(value) for key, value in outputs.items()}
    if form == "columns":
        columns = {key: array.tolist() for key, array in arrays.items()}
        return {"outputs": columns if len(columns) > 1 else next(iter(columns.values()))}
    sizes = {array.shape[0] if array.ndim else 0 for array in arrays.values()}
    if 0 in sizes or len(sizes) > 1:
        raise Refusal("INVALID_ARGUMENT", f"Tensor has inconsistent batch size: {sorted(sizes)}")
    rows = [{key: array[n].tolist() for key, array in arrays.items()} for n in range(sizes.pop())]
    return {"predictions": rows if len(arrays) > 1 else [next(iter(row.values())) for row in rows]}


class _Handler(BaseHTTPRequestHandler):
    served: Served
    content: bytes | None  # is sent in place of any answer

    def do_GET(self):
        self._reply(lambda: self._described())

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._reply(lambda: self._predicted(body))

    def _described(self) -> dict:
        found = _STATUS.fullmatch(self.path)
        if not found:
            raise Refusal("INVALID_ARGUMENT", f"Malformed request: GET {self.path}")
        spec = _spec(found)
        if not found[3]:
            return json_format.MessageToDict(self.served.status(spec), **_JSON)
        spec.version.value = self.served.version(spec)
        signatures = SignatureDefMap()
        for name, signature in self.served.signatures.items():
            signatures.signature_def[name].CopyFrom(signature)
        described = json_format.MessageToDict(signatures, **_JSON)
        return {"model_spec": json_format.MessageToDict(spec, **_JSON), "metadata": {"signature_def": described}}

    def _predicted(self, body: bytes) -> dict:
        found = _PREDICT.fullmatch(self.path)
        if not found:
            raise Refusal("INVALID_ARGUMENT", f"Malformed request: POST {self.path}")
        request, form = request_of(body, _spec(found), self.served)
        return _json_of(self.served.predict(request).outputs, form)

    def _reply(self, what) -> None:
        status, content = 200, self.content
        try:
            content = json.dumps(what()).encode() if content is None else content
        except Refusal as refusal:
            status, content = _CODES[refusal.code], json.dumps({"error": refusal.words}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        with suppress(BrokenPipeError, ConnectionResetError):  # of a client that has given up
            self.wfile.write(content)

    def log_message(self, *_):
        pass


def _spec(found: re.Match) -> ModelSpec:
    spec = ModelSpec(name=unquote(found[1]))
    if found[2]:
        spec.version.value = int(found[2])
    return spec


@contextmanager
def rest_double(served: Served, content: bytes | None = None) -> Iterator[str]:
    """Yields the URL of a server on 127.0.0.1 that is gone afterwards.

    Args:
        content: is sent in place of every answer.
    """
    handler = type("Handler", (_Handler,), {"served": served, "content": content})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
