from tfcovid.report.rounded import rounded


def test_what_is_not_certain_is_not_rounded_to_certainty():
    assert [rounded(p) for p in (0, 0.0004, 0.0005, 0.5, 0.9994, 0.9996, 1)] == [
        "0.000", "< 0.001", "0.001", "0.500", "0.999", "> 0.999", "1.000",
    ]  # fmt: skip
    assert [rounded(p, 2) for p in (0.004, 0.994, 0.996)] == ["< 0.01", "0.99", "> 0.99"]
