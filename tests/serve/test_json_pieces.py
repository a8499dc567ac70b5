import json
from base64 import b64decode

import numpy as np
import pytest

from tfcovid.serve.json_pieces import json_pieces


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 3, 2), (4, 1, 5), (3, 4, 5)])
@pytest.mark.parametrize("low, high", [(-32768, 32767), (-1024, 3071), (0, 9), (-3, 3)])
def test_a_scan_comes_back_and_its_length_is_known(shape, low, high):
    hu = np.random.default_rng(0).integers(low, high, shape, np.int16, endpoint=True)
    length, pieces = json_pieces(hu)
    text = b"".join(pieces)
    assert len(text) == length
    assert json.loads(text) == hu.tolist()


def test_slices_in_another_order_of_bytes_or_memory_come_back():
    hu = np.arange(-30, 30, dtype=np.int16).reshape(3, 4, 5)
    for one in (hu[::-1, :, ::-1], hu.transpose(2, 0, 1), hu.astype(">i2")):
        assert json.loads(b"".join(json_pieces(one)[1])) == one.tolist()


def test_what_is_no_scan():
    clicks = np.array([[1.5, np.nan], [np.inf, 3]], np.float32)
    length, pieces = json_pieces(clicks)
    text = b"".join(pieces)
    # The tokens that TF Serving documents for what JSON has no word for.
    assert text == b"[[1.5, NaN], [Infinity, 3.0]]" and length == len(text)
    (image,) = json.loads(b"".join(json_pieces(np.array([b"\x89PNG\0"], object))[1]))
    assert b64decode(image["b64"]) == b"\x89PNG\0"
    assert b"".join(json_pieces(np.empty((0, 4, 4), np.int16))[1]) == b"[]"
