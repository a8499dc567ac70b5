import math

from tfcovid.evaluation.p_text import p_text


def test_no_p_value_is_printed_as_zero():
    assert [p_text(p) for p in (0, 1 / 1001, 0.001, 0.0496, 1, math.nan)] == [
        "< 0.001",
        "< 0.001",
        "0.001",
        "0.050",
        "1.000",
        "-",
    ]
