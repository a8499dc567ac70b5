import json
from collections.abc import Iterator
from functools import lru_cache

import numpy as np


def json_pieces(array: np.ndarray) -> tuple[int, Iterator[bytes]]:
    """An array as nested JSON lists, piece by piece, so that a scan is never in memory as text.

    int16 of three axes, `(slices, height, width)`, is written through a table of all numbers, each with blanks before
    it to the width of the longest, so that the length is known beforehand and NumPy does the work: `json.dumps` takes
    over ten times as long. Bytes become {"b64": ...}, as TF Serving wants them.

    Returns:
        The number of bytes, and the pieces: one a slice.
    """
    if array.dtype == np.int16 and array.ndim == 3 and array.size:
        return _numbers(array)
    text = json.dumps(array.tolist(), default=_b64).encode()
    return len(text), iter([text])


def _numbers(array: np.ndarray) -> tuple[int, Iterator[bytes]]:
    slices, height, width = array.shape
    digits = max(len(str(int(array.min()))), len(str(int(array.max()))))
    # Each row is [ numbers with commas ], and a comma; the last row has no comma, but the slice has brackets.
    row = 1 + width * (digits + 1) + 1
    length = slices * (height * row + 1) + (slices - 1) + 2

    def pieces() -> Iterator[bytes]:
        table = _table(digits)
        lines = np.empty((height, row), np.uint8)
        lines[:, 0], lines[:, -1] = ord("["), ord(",")
        for n, one in enumerate(array):
            lines[:, 1:-1] = table[one.view(np.uint16)].view(np.uint8).reshape(height, -1)
            lines[:, -2] = ord("]")
            yield (b"[[" if n == 0 else b",[") + lines.tobytes()[:-1] + b"]"
        yield b"]"

    return length, pieces()


@lru_cache(maxsize=6)  # a number has one to six characters
def _table(digits: int) -> np.ndarray:
    """(65536,) byte strings "  -42,", at the place of the number's bits."""
    numbers = np.arange(2**16, dtype=np.uint16).view(np.int16).tolist()
    return np.array([f"{number:{digits}}," for number in numbers], f"S{digits + 1}")


def _b64(value: bytes) -> dict[str, str]:
    from base64 import b64encode

    return {"b64": b64encode(value).decode()}
