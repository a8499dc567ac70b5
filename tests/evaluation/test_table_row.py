from tfcovid.evaluation.table_row import table_row


def test_a_bar_in_a_name_does_not_end_the_cell():
    assert table_row(["a|b", "c"]) == r"| a\|b | c |"
