import pytest

from tfcovid import progress


@pytest.mark.parametrize(("shown", "patience", "expected"), [(True, -1, True), (True, 60, False), (False, -1, False)])
def test_a_bar_appears_only_if_wanted_and_needed(capsys, monkeypatch, shown, patience, expected):
    monkeypatch.setattr(progress, "_PATIENCE", patience)
    assert list(progress.with_progress(range(5), 5, "Reading slices", shown)) == [0, 1, 2, 3, 4]
    output = capsys.readouterr()
    assert output.out == "" and ("Reading slices" in output.err) == expected
