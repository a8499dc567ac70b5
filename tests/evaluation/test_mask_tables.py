import csv
import json

import numpy as np

from tfcovid.evaluation.mask_scores import mask_scores
from tfcovid.evaluation.mask_tables import MaskRow, by_group, mask_figures, mask_table, write_mask_rows

LABELS = ("background", "lung")


def scores(columns, truth_columns=4):
    """Of a block of 4 columns, of which so many are found."""
    truth, found = np.zeros((2, 2, 4, 8), np.uint8)
    truth[..., :truth_columns], found[..., :columns] = 1, 1
    return mask_scores(truth, found, LABELS, (5.0, 2.0, 1.0))


ROWS = [
    MaskRow("a", "ann", "covid", scores(4)),  # Dice 1
    MaskRow("b", "ann", "covid", scores(2)),  # 2/3
    MaskRow("c", "bob", "normal", scores(4, 0)),  # the truth is empty
    MaskRow("d", "cem", "normal", scores(0, 0)),  # both are
]


def test_patients_count_once_and_groups_by_themselves():
    found = by_group(ROWS)
    assert list(found) == ["all", "covid", "normal"] and list(by_group(ROWS[:2])) == ["all"]
    assert (found["all"].scans, found["all"].patients) == (4, 3)
    figures = json.loads(json.dumps(mask_figures(ROWS)))
    mean = (1 + 2 / 3) / 2
    assert figures["covid"]["lung"]["dice"] == [round(mean, 4), None, 1]
    # Of three patients one has no Dice: neither mask has the label.
    spread = np.std([mean, 0], ddof=1)
    assert figures["all"]["lung"]["dice"] == [round(mean / 2, 4), round(spread, 4), 2]
    assert figures["normal"]["lung"]["hausdorff95_mm"] == [None, None, 0]
    assert figures["all"]["lung"]["cases"] == {
        "both": 2,
        "truth empty": 1,
        "prediction empty": 0,
        "both empty": 1,
    }


def test_the_table_says_what_is_not_defined_and_how_many_cases_were_empty():
    lines = mask_table(ROWS)
    assert all(line.count("|") == lines[0].count("|") for line in lines)
    assert "| covid | lung | 1 | 0.833 |" in lines[4] and lines[4].endswith("| none |")
    assert lines[6] == "| normal | lung | 1 | 0.000 | - | - | - | truth empty: 1, both empty: 1 |"


def test_rows_have_empty_cells_where_nothing_is_defined(tmp_path):
    write_mask_rows(ROWS, tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["scan"], row["patient"], row["group"], row["label"]) for row in rows] == [
        (row.scan, row.patient, row.group, "lung") for row in ROWS
    ]
    assert [row["dice"] for row in rows] == ["1", "0.666667", "0", ""]
    assert rows[2]["hausdorff95_mm"] == "" and rows[2]["case"] == "truth empty"
