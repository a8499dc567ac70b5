import warnings

import numpy as np
import pytest
from scipy import ndimage

from tests.parity import report
from tfcovid.errors import InputError
from tfcovid.evaluation.mask_scores import LabelScore, MaskScores, mask_scores, summarise

LABELS = ("background", "lung", "infection")
MM = (5.0, 2.0, 1.0)  # 0.01 ml a voxel


def _volume(*boxes, shape=(6, 12, 12)):
    volume = np.zeros(shape, np.uint8)
    for number, box in boxes:
        volume[box] = number
    return volume


def test_figures_of_a_block_that_is_two_columns_short():
    truth, prediction = _volume((1, np.s_[1:5, 2:10, 1:9])), _volume((1, np.s_[1:5, 2:10, 1:7]))
    scores = mask_scores(truth, prediction, LABELS, MM)
    lung = scores.labels["lung"]
    assert scores.voxel_accuracy == 1 - 64 / 864
    assert lung.dice == 2 * 192 / (256 + 192) and lung.case == "both"
    assert (lung.truth_ml, lung.predicted_ml) == pytest.approx((2.56, 1.92))
    assert (lung.volume_error_ml, lung.volume_error_percent) == pytest.approx((-0.64, -25))
    # The far face of 32 voxels is 2 mm away; beside it, 1 mm; 32 of 184 surface voxels, more than 5 %, are at 2 mm.
    assert lung.hausdorff95_mm == 2.0


def test_a_plain_reference_agrees_on_random_masks():
    rng = np.random.default_rng(1)
    truth, prediction = (
        np.digitize(ndimage.gaussian_filter(rng.normal(size=(8, 16, 16)), 1.5), [0.0, 0.08]) for _ in range(2)
    )
    found = mask_scores(truth, prediction, LABELS, MM)
    assert found.voxel_accuracy == np.mean(truth == prediction)
    for n, name in ((1, "lung"), (2, "infection")):
        a, b = truth == n, prediction == n
        ends = [np.argwhere(one & ~ndimage.binary_erosion(one)) * MM for one in (a, b)]
        table = np.sqrt(((ends[0][:, None] - ends[1][None]) ** 2).sum(axis=-1))
        ways = table.min(axis=1), table.min(axis=0)
        assert found.labels[name].dice == 2 * (a & b).sum() / (a.sum() + b.sum())
        assert found.labels[name].hausdorff95_mm == pytest.approx(max(np.percentile(way, 95) for way in ways))
        assert found.labels[name].surface_distance_mm == pytest.approx(np.concatenate(ways).mean())


def test_distances_are_monais():
    metrics = pytest.importorskip("monai.metrics")
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(2)
    truth, prediction = (
        (ndimage.gaussian_filter(rng.normal(size=(10, 20, 20)), 2) > 0.01).astype(np.uint8) for _ in range(2)
    )
    lung = mask_scores(truth, prediction, LABELS, MM).labels["lung"]
    a, b = (torch.tensor(one[None, None].astype(np.float32)) for one in (prediction, truth))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hausdorff = metrics.compute_hausdorff_distance(a, b, include_background=True, percentile=95, spacing=MM)
        mean = metrics.compute_average_surface_distance(a, b, include_background=True, symmetric=True, spacing=MM)
    report("Hausdorff 95 %, mm", "MONAI compute_hausdorff_distance", [lung.hausdorff95_mm], [float(hausdorff)])
    report("surface distance, mm", "MONAI compute_average_surface_distance", [lung.surface_distance_mm], [float(mean)])
    # MONAI takes percentiles in single precision.
    assert lung.hausdorff95_mm == pytest.approx(float(hausdorff), rel=1e-5)
    assert lung.surface_distance_mm == pytest.approx(float(mean), rel=1e-6)


def test_unlabelled_voxels_count_nowhere():
    truth = _volume((1, np.s_[1:5, 2:10, 1:9]), (255, np.s_[:, :, 6:]))
    inside = _volume((1, np.s_[1:5, 2:10, 1:6]))
    beyond = _volume((1, np.s_[1:5, 2:10, 1:12]), (2, np.s_[:, :, 10:]))
    for prediction in (inside, beyond):
        scores = mask_scores(truth, prediction, LABELS, MM)
        lung = scores.labels["lung"]
        assert scores.voxel_accuracy == 1 and lung.dice == 1
        assert lung.truth_ml == lung.predicted_ml == pytest.approx(1.6)
        assert lung.hausdorff95_mm == lung.surface_distance_mm == 0
        assert scores.labels["infection"].case == "both empty"
    nothing = mask_scores(np.full((2, 3, 3), 255), np.zeros((2, 3, 3), int), LABELS, MM)
    assert np.isnan(nothing.voxel_accuracy) and np.isnan(nothing.labels["lung"].dice)


@pytest.mark.parametrize(
    "truth, prediction, dice, error_ml, percent, case",
    [
        (0, 0, np.nan, 0, np.nan, "both empty"),
        (0, 2, 0, 0.08, np.nan, "truth empty"),
        (2, 0, 0, -0.08, -100, "prediction empty"),
    ],
)
def test_empty_cases_are_what_they_are_said_to_be(truth, prediction, dice, error_ml, percent, case):
    masks = [_volume((number, np.s_[2:4, 2:4, 2:4])) for number in (truth, prediction)]
    found = mask_scores(*masks, LABELS, MM).labels["infection"]
    np.testing.assert_equal(
        [found.dice, found.hausdorff95_mm, found.surface_distance_mm, found.volume_error_percent, found.case],
        [dice, np.nan, np.nan, percent, case],
    )
    assert found.volume_error_ml == pytest.approx(error_ml)


def test_other_shapes_and_numbers_without_a_label_are_refused():
    with pytest.raises(InputError, match=r"\(6, 12, 12\) and \(6, 12, 11\)"):
        mask_scores(_volume(), _volume(shape=(6, 12, 11)), LABELS, MM)
    with pytest.raises(InputError, match=r"prediction holds .* Received: 0 to 3"):
        mask_scores(_volume(), _volume((3, np.s_[0])), LABELS, MM)
    with pytest.raises(InputError, match="truth holds"):
        mask_scores(_volume((7, np.s_[0])), _volume(), LABELS, MM)


def _scores(dice, case="both", accuracy=0.5):
    return MaskScores(accuracy, {"lung": LabelScore(dice, dice, dice, 1.0, 1.0, 0.0, 0.0, case)})


def test_a_patient_counts_once_and_what_is_not_defined_not_at_all():
    scores = [_scores(0.9), _scores(0.7), _scores(0.5), _scores(0.0, "prediction empty"), _scores(np.nan, "both empty")]
    summary = summarise(scores, ["a", "a", "b", "c", "d"])
    dice = summary.labels["lung"]["dice"]
    assert (dice.mean, dice.patients) == (pytest.approx((0.8 + 0.5 + 0) / 3), 3)
    assert dice.std == pytest.approx(np.std([0.8, 0.5, 0], ddof=1))
    assert summary.cases["lung"] == {"both": 3, "truth empty": 0, "prediction empty": 1, "both empty": 1}
    assert (summary.scans, summary.patients) == (5, 4) and summary.voxel_accuracy.patients == 4
    assert np.isnan(summarise(scores[:1]).labels["lung"]["dice"].std)


def test_rows_are_one_a_label():
    rows = mask_scores(_volume((1, np.s_[1])), _volume((1, np.s_[1])), LABELS, MM).rows
    assert [(row["label"], row["voxel_accuracy"], row["case"]) for row in rows] == [
        ("lung", 1.0, "both"),
        ("infection", 1.0, "both empty"),
    ]


def test_nothing_to_summarise_is_said():
    with pytest.raises(InputError, match="0 scores"):
        summarise([])
    with pytest.raises(InputError, match="1 scores and 2 patients"):
        summarise([_scores(1.0)], ["a", "b"])
