from dataclasses import dataclass
from urllib.parse import urlsplit

from tfcovid.errors import InputError

_PORTS = {"http": 8501, "grpc": 8500}


@dataclass(frozen=True)
class Address:
    """Where a TF Serving listens.

    Attributes:
        scheme: "http" for its REST API, "grpc" for the other.
        host: a name or an IP address, without brackets.
    """

    scheme: str
    host: str
    port: int

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Of `http://HOST[:PORT]` or `grpc://HOST[:PORT]`; without a port that of TF Serving's image, 8501 or 8500.

        Raises:
            InputError: another scheme, no host, a port that is none, or more than host and port.
        """
        wanted = f"Give the server as http://HOST:8501 (REST) or grpc://HOST:8500. Received: {url}"
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise InputError(f"URL: {error}. {wanted}") from None
        if parts.scheme not in _PORTS:
            raise InputError(f"URL: the scheme is neither http nor grpc. {wanted}")
        if not host or port == 0:
            raise InputError(f"URL: it names no host and port. {wanted}")
        if "@" in parts.netloc:
            # Not repeated: what it holds is a password.
            raise InputError("URL: TF Serving knows no users and passwords; leave them out. Received: one with @")
        if parts.path.strip("/") or parts.query or parts.fragment:
            raise InputError(f"URL: host and port are enough; the model is named by --model. {wanted}")
        return cls(parts.scheme, host, _PORTS[parts.scheme] if port is None else port)

    @property
    def target(self) -> str:
        """HOST:PORT."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.target}"
