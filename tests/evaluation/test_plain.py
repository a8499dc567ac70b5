import json

import numpy as np

from tfcovid.evaluation.plain import plain


def test_arrays_become_lists_and_what_is_not_finite_null():
    value = {"a": np.array([1.5, np.nan]), "b": (np.int64(2), [float("inf")]), "c": "text", "d": True}
    assert json.dumps(plain(value)) == '{"a": [1.5, null], "b": [2, [null]], "c": "text", "d": true}'
