import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import quote

import numpy as np

from tfcovid.errors import InputError
from tfcovid.serve.address import Address
from tfcovid.serve.json_pieces import json_pieces
from tfcovid.serve.refusals import Busy, NotThere
from tfcovid.serve.signature import Signature, Tensor

_BUSY = 429, 503  # the queue is full, or whatever stands in front of the server cannot reach it


class RestServer:
    """A TF Serving by its REST API, without TensorFlow.

    Tensors go and come in the columnar format ("inputs" and "outputs"): the row format ("instances") is only for
    signatures all of whose outputs have one row an input, which the answer for a scan has not.

    Args:
        timeout: seconds without a byte from the server, or without one that it takes, after which it is given up.
    """

    def __init__(self, address: Address, timeout: float):
        self.address, self._timeout = address, timeout

    def status(self, model: str) -> dict[str, Any]:
        """`GetModelStatusResponse` of all versions, as JSON has it."""
        return self._json("GET", _path(model))

    def metadata(self, model: str, version: int) -> dict[str, Any]:
        """`GetModelMetadataResponse` of a version, as JSON has it."""
        return self._json("GET", f"{_path(model, version)}/metadata")

    def predict(
        self, model: str, version: int, name: str, signature: Signature, inputs: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """What a signature answers.

        Raises:
            Busy: nobody listens, or the server says that it is busy.
            InputError: the server refuses, does not answer in time, or what it answers is not what it describes.
        """
        length, body = _request(name, inputs)
        found = self._json("POST", f"{_path(model, version)}:predict", length, body)
        if "outputs" not in found:
            raise InputError(f"the answer of {self.address} lacks outputs. Received: {', '.join(found)[:200]}")
        outputs = found["outputs"]
        if len(signature.outputs) == 1:
            outputs = {next(iter(signature.outputs)): outputs}  # a lone output comes without its name
        if not isinstance(outputs, dict):
            raise InputError(f"outputs: of {self.address} have no names. Received: {type(outputs).__name__}")
        return {
            key: _array(key, value, signature.outputs[key])
            for key, value in outputs.items()
            if key in signature.outputs
        }

    def _json(self, method: str, path: str, length: int = 0, body: Iterator[bytes] | None = None) -> dict[str, Any]:
        status, content = self._ask(method, path, length, body)
        try:
            found = json.loads(content)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            if status in _BUSY:
                raise Busy(f"{self.address} is busy. Received: HTTP {status}")
            raise InputError(
                f"{self.address} does not answer with JSON as TF Serving does: is its REST API there, and nothing in "
                f"front of it that limits what is sent? Received: HTTP {status}, {content[:80]!r}"
            )
        if status == 200:
            return found
        words = str(found.get("error", found))[:500]
        if status in _BUSY:
            raise Busy(f"{self.address} is busy. Received: HTTP {status}, {words}")
        if status == 504:
            words += " (the server's --rest_api_timeout_in_ms, or a smaller scan, can be changed)"
        kind = NotThere if status == 404 else InputError
        raise kind(f"{self.address} refuses. Received: HTTP {status}, {words}")

    def _ask(self, method: str, path: str, length: int, body: Iterator[bytes] | None) -> tuple[int, bytes]:
        connection = HTTPConnection(self.address.host, self.address.port, timeout=self._timeout)
        headers = {} if body is None else {"Content-Type": "application/json", "Content-Length": str(length)}
        try:
            # Broken where it has answered before it had everything, and then the answer says why.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, response.read()
        except ConnectionRefusedError:
            raise Busy(
                f"nobody listens at {self.address}; start TF Serving with --rest_api_port. Received: connection refused"
            ) from None
        except TimeoutError:
            raise InputError(
                f"{self.address} was silent for {self._timeout:g} s; --timeout waits longer. Received: nothing"
            ) from None
        except socket.gaierror as error:
            raise InputError(f"{self.address}: no such host. Received: {error.strerror}") from None
        except ConnectionResetError:
            raise InputError(
                f"{self.address} hung up; its log says why, as want of memory: gRPC takes less. Received: nothing"
            ) from None
        except HTTPException as error:
            raise InputError(
                f"{self.address} does not speak HTTP as TF Serving's REST API does; its gRPC port, 8500 by default, is "
                f"grpc://HOST:PORT. Received: {type(error).__name__} {error}"[:400]
            ) from None
        except OSError as error:
            raise InputError(f"{self.address}: the connection failed. Received: {error.strerror or error}") from None
        finally:
            connection.close()


def _path(model: str, version: int | None = None) -> str:
    return f"/v1/models/{quote(model, safe='')}" + ("" if version is None else f"/versions/{version}")


def _request(name: str, inputs: Mapping[str, np.ndarray]) -> tuple[int, Iterator[bytes]]:
    """The length of a request in the columnar format, and the request piece by piece."""
    parts: list[tuple[int, Iterator[bytes]]] = []
    for number, (key, array) in enumerate(inputs.items()):
        before = ", " if number else f'{{"signature_name": {json.dumps(name)}, "inputs": {{'
        parts += [_text(f"{before}{json.dumps(key)}: "), json_pieces(array)]
    parts.append(_text("}}"))
    return sum(length for length, _ in parts), (piece for _, pieces in parts for piece in pieces)


def _text(text: str) -> tuple[int, Iterator[bytes]]:
    return len(text), iter([text.encode()])


def _array(name: str, value: object, tensor: Tensor) -> np.ndarray:
    wanted = np.dtype(tensor.numpy)
    try:
        found = np.asarray(value, object if wanted.kind == "O" else None)
    except ValueError:
        raise InputError(f"output {name}: its lists are of different lengths. Received: {str(value)[:80]}") from None
    kinds = {"b": "b", "i": "i", "u": "iu", "f": "iuf", "O": "O"}[wanted.kind]
    if found.size and found.dtype.kind not in kinds:
        raise InputError(f"output {name}: is to be {tensor}. Received: {found.dtype} {found.shape}")
    return found.astype(wanted)
