import pytest

from tfcovid.evaluation.same_ends import same_ends


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        (["a/1", "a/2"], ["a/2", "a/1"], {"a/1": "a/1", "a/2": "a/2"}),
        (["1", "x/2"], ["a/1", "2"], {"1": "a/1", "x/2": "2"}),
        (["./c/a/1", "..\\c\\a\\2"], ["/x/c/a/1", "c/b/../a/2"], {"./c/a/1": "/x/c/a/1", "..\\c\\a\\2": "c/b/../a/2"}),
        (["a/1", "2"], ["a/1", "a/2", "a/12"], {"a/1": "a/1", "2": "a/2"}),
        (["1", "2"], ["a/1", "b/1", "a/2"], {"2": "a/2"}),  # 1 suits two
        (["a/1", "b/1", "a/2"], ["1", "2"], {"a/2": "2"}),
        (["/d/s/a/1", "/d/s/b/1"], ["/m/a/1", "/m/b/1", "/m/b/2"], {"/d/s/a/1": "/m/a/1", "/d/s/b/1": "/m/b/1"}),
        (["/d/a/1", "/d/a/2"], ["/m/a/1", "/m/a/3"], {}),  # the folder does not explain all of either
        (["hospA/1", "hospA/2"], ["hospB/1", "hospB/2"], {}),
        (["11"], ["1"], {}),
    ],
)
def test_names_are_the_same_by_whole_folders_from_the_end(ours, theirs, same):
    assert same_ends(ours, theirs) == same
    assert same_ends(theirs, ours) == {other: name for name, other in same.items()}
