import pytest

from tfcovid.errors import InputError
from tfcovid.export.edge_require_equal import edge_require_equal


def test_maps_may_differ_and_probabilities_may_not():
    edge_require_equal({"scan": 0.01, "slices": 0.0, "lesion_map": 0.9, "pixels": 0.9}, 0.01, "float16")
    for name in ("scan", "slices", "patient", "mask"):
        for found in (0.011, float("nan")):
            with pytest.raises(InputError, match=r"float16: .* by more than 0\.01, so nothing is exported.*Received: "):
                edge_require_equal({name: found}, 0.01, "float16")
