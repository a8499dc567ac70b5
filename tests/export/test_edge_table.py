from tfcovid.export.edge_table import edge_table


def test_a_table_has_the_columns_that_are_filled():
    rows = [
        {"network": "slice", "precision": "int8", "megabytes": 0.349, "milliseconds": 1.254},
        {"network": "all", "precision": "int8", "difference": 0.00357, "auc": None},
    ]
    assert edge_table(rows) == [
        "| network | precision | MB | ms | largest difference |",
        "| --- | --- | --- | --- | --- |",
        "| slice | int8 | 0.35 | 1.25 |  |",
        "| all | int8 |  |  | 3.6e-03 |",
    ]
    rows[1] |= {"auc": 0.80287, "auc_change": 0.00345}
    assert edge_table(rows)[-1] == "| all | int8 |  |  | 3.6e-03 | 0.8029 | +0.0034 |"
