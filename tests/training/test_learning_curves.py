import cv2
import numpy as np
import pytest
from matplotlib.figure import Figure

from tfcovid.training.learning_curves import draw_learning_curves


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """Draws a log and returns the lines of each panel: panel -> label -> values by epoch."""
    seen = {}
    save = Figure.savefig

    def look(figure, path):
        for axes in figure.axes:
            seen[axes.get_title()] = {line.get_label(): line.get_xydata() for line in axes.get_lines()}
        save(figure, path)

    monkeypatch.setattr(Figure, "savefig", look)

    def draw(text, kept=None):
        (tmp_path / "log.csv").write_text(text)
        draw_learning_curves(tmp_path / "log.csv", tmp_path / "curves.png", "title", kept)
        return seen

    return draw


def test_loss_stands_first_and_training_beside_validation(drawn, tmp_path):
    panels = drawn("epoch,accuracy,loss,val_accuracy,val_loss\n1,0.5,1,0.25,2\n2,0.75,0.5,,3\n", kept=2)
    assert list(panels) == ["loss", "accuracy"]
    assert panels["loss"]["training"].tolist() == [[1, 1], [2, 0.5]]
    assert panels["loss"]["validation"].tolist() == [[1, 2], [2, 3]]
    assert panels["loss"]["kept: epoch 2"][:, 0].tolist() == [2, 2]
    assert np.isnan(panels["accuracy"]["validation"][1, 1])  # an empty field is a gap
    assert cv2.imread(str(tmp_path / "curves.png")).std() > 5


def test_outputs_share_the_panel_of_a_metric(drawn):
    panels = drawn(
        "epoch,loss,disease_loss,disease_macro_f1,lesion_loss,lesion_macro_f1,val_disease_macro_f1,learning_rate\n"
        "1,3,1,0.1,2,0.2,0.3,0.01\n"
    )
    assert list(panels) == ["loss", "macro f1", "learning rate"]
    assert set(panels["loss"]) == {"training, total", "training, disease", "training, lesion"}
    assert set(panels["macro f1"]) == {"training, disease", "training, lesion", "validation, disease"}
    assert panels["macro f1"]["validation, disease"].tolist() == [[1, 0.3]]


def test_a_log_without_an_epoch_is_a_figure_all_the_same(drawn):
    assert drawn("epoch,loss\n") == {}
