from tfcovid.evaluation.label_text import label_text


def test_a_name_is_cut_and_drawn_as_it_stands():
    assert label_text("COVID-19") == "COVID-19"
    assert label_text("community_acquired", 10) == "communi..." and label_text("  two\nlines ") == "two lines"
    assert label_text("_a$b$") == r" _a\$b\$"
