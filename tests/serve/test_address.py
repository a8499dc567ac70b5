import pytest

from tfcovid.errors import InputError
from tfcovid.serve import Address


@pytest.mark.parametrize(
    "url, expected, target",
    [
        ("http://localhost:8501", Address("http", "localhost", 8501), "localhost:8501"),
        ("http://ct.example/", Address("http", "ct.example", 8501), "ct.example:8501"),
        ("grpc://10.0.0.7", Address("grpc", "10.0.0.7", 8500), "10.0.0.7:8500"),
        ("grpc://[::1]:99", Address("grpc", "::1", 99), "[::1]:99"),
    ],
)
def test_urls(url, expected, target):
    assert Address.parse(url) == expected and expected.target == target


@pytest.mark.parametrize(
    "url, words",
    [
        ("localhost:8501", "neither http nor grpc"),
        ("https://localhost", "neither http nor grpc"),
        ("http://", "names no host"),
        ("http://host:0", "names no host"),
        ("http://host:port", "URL: "),
        ("http://host:99999", "URL: "),
        ("http://[::1", "URL: "),
        ("http://host/v1/models/m", "host and port are enough"),
        ("http://host?a=b", "host and port are enough"),
    ],
)
def test_what_is_no_address(url, words):
    with pytest.raises(InputError, match=words) as error:
        Address.parse(url)
    assert str(error.value).endswith(f"Received: {url}")


def test_a_password_is_not_repeated():
    with pytest.raises(InputError, match="no users and passwords") as error:
        Address.parse("http://me:secret@host:8501")
    assert "secret" not in str(error.value)
