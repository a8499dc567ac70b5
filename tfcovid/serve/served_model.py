from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from tfcovid.errors import InputError
from tfcovid.serve.address import Address
from tfcovid.serve.patiently import patiently
from tfcovid.serve.refusals import Busy, NotThere
from tfcovid.serve.signature import Signature


class Server(Protocol):
    """`RestServer` and `GrpcServer`."""

    address: Address

    def status(self, model: str) -> dict[str, Any]: ...

    def metadata(self, model: str, version: int) -> dict[str, Any]: ...

    def predict(
        self, model: str, version: int, name: str, signature: Signature, inputs: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]: ...


class ServedModel:
    """A model that a TF Serving has ready.

    Args:
        url: as `Address.parse` takes it.
        name: as the server calls it.
        version: one of its versions; None takes the latest that is ready.
        timeout: seconds, see the servers.
        retries: further tries where nobody listens, the server is busy or still loads the model.
        say: is told why it waits.

    Attributes:
        version: which one is asked.
        signatures: name -> what it takes and gives.

    Raises:
        InputError: no such server, model or version, or none that is ready.
    """

    def __init__(
        self,
        url: str,
        name: str,
        version: int | None = None,
        timeout: float = 300.0,
        retries: int = 3,
        say: Callable[[str], object] = lambda _: None,
    ):
        address = Address.parse(url)
        if address.scheme == "grpc":
            from tfcovid.serve.grpc_server import GrpcServer as Chosen
        else:
            from tfcovid.serve.rest_server import RestServer as Chosen
        self.server: Server = Chosen(address, timeout)
        self.name, self._retries, self._say = name, retries, say
        self.version = self._patiently(lambda: self._ready(version))
        self.signatures = Signature.all_of(self._patiently(lambda: self.server.metadata(name, self.version)))

    def ask(self, name: str, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What the signature `name` answers: all of its outputs, of the types and axes that it describes.

        Raises:
            InputError: no such signature, inputs that are not its, or an answer that is not.
        """
        signature = self.signature(name)
        _check_inputs(name, signature, inputs)
        found = self._patiently(lambda: self.server.predict(self.name, self.version, name, signature, inputs))
        missing = sorted(signature.outputs.keys() - found.keys())
        if missing:
            raise InputError(f"the answer of {name} lacks {', '.join(missing)}. Received: {', '.join(sorted(found))}")
        for key, tensor in signature.outputs.items():
            if not tensor.fits(found[key].shape):
                raise InputError(f"output {key}: is to be {tensor}. Received: {found[key].shape}")
        return found

    def signature(self, name: str) -> Signature:
        """Raises InputError where the model has none of that name."""
        if name not in self.signatures:
            there = ", ".join(self.signatures) or "none"
            raise InputError(f"--signature: {self.name} has {there}. Received: {name}")
        return self.signatures[name]

    def _patiently(self, ask: Callable) -> Any:
        return patiently(ask, self._retries, self._say)

    def _ready(self, wanted: int | None) -> int:
        try:
            status = self.server.status(self.name)
        except NotThere as error:
            raise InputError(
                f"--model: the server's models.config names those that it has, which TF Serving does not tell. {error}"
            ) from None
        try:
            states = {int(one["version"]): str(one["state"]) for one in status["model_version_status"]}
            faults = [one.get("status", {}).get("error_message") for one in status["model_version_status"]]
        except (KeyError, TypeError, ValueError, AttributeError):
            raise InputError(f"the status of {self.name} is not TF Serving's. Received: {str(status)[:100]}") from None
        there = ", ".join(f"{version} {state}" for version, state in sorted(states.items())) or "no versions"
        there += "".join(f"; {fault[:200]}" for fault in faults if fault)
        if wanted is not None and wanted not in states:
            raise InputError(f"--version: {self.name} has {there}. Received: {wanted}")
        asked = states if wanted is None else {wanted: states[wanted]}
        ready = [version for version, state in asked.items() if state == "AVAILABLE"]
        if ready:
            return max(ready)
        kind = Busy if {"START", "LOADING"} & set(asked.values()) else InputError
        raise kind(f"{self.name} is not ready; only what is AVAILABLE answers. Received: {there}")


def _check_inputs(name: str, signature: Signature, inputs: Mapping[str, np.ndarray]) -> None:
    if signature.inputs.keys() != inputs.keys():
        wanted = ", ".join(f"{key} {tensor}" for key, tensor in sorted(signature.inputs.items()))
        raise InputError(f"--signature: {name} takes {wanted}. Received: {', '.join(sorted(inputs))}")
    for key, tensor in signature.inputs.items():
        array = inputs[key]
        if array.dtype != tensor.numpy or not tensor.fits(array.shape):
            raise InputError(f"input {key}: {name} takes {tensor}. Received: {array.dtype} {array.shape}")
