import math

from tfcovid.evaluation.p_text import p_text


def test_no_p_value_is_printed_as_zero():
    values = {0: "< 0.001", 0.0009: "< 0.001", 1 / 1001: "0.001", 0.0496: "0.050", 1: "1.000", math.nan: "-"}
    assert [p_text(p) for p in values] == list(values.values())
    assert [p_text(p, "p") for p in (0, 0.0496, math.nan)] == ["p < 0.001", "p = 0.050", "p -"]
