import numpy as np
import pytest
from keras import ops

from tfcovid.losses.label_maps import label_maps

LABELS = np.array([[[0, 2], [255, 1]]])


def arrays(*args):
    maps, known = label_maps(*map(ops.convert_to_tensor, args[:2]), args[2])
    return ops.convert_to_numpy(maps), ops.convert_to_numpy(known)


@pytest.mark.parametrize("labels", [LABELS, LABELS[..., None], LABELS.astype("uint8"), LABELS.astype("float32")])
def test_labels_become_one_map_a_channel_and_nothing_where_unlabelled(labels):
    maps, known = arrays(labels, np.zeros((1, 2, 2, 3), "float32"), 255)
    np.testing.assert_array_equal(maps[0], [[[1, 0, 0], [0, 0, 1]], [[0, 0, 0], [0, 1, 0]]])
    np.testing.assert_array_equal(known[0, ..., 0], [[True, True], [False, True]])


def test_maps_are_taken_as_they_are():
    maps = np.array([[[[0.25, 0.75], [255, 255]]]], "float32")
    found, known = arrays(maps, maps, 255)
    np.testing.assert_array_equal(found, [[[[0.25, 0.75], [0, 0]]]])
    np.testing.assert_array_equal(known[0, 0, :, 0], [True, False])


@pytest.mark.parametrize(("label", "channels"), [(3, 3), (-1, 3), (0.5, 3), (2, 1), (255, 1), (255, 2)])
def test_a_label_without_a_channel_is_seen(label, channels):
    labels = np.array([[[0, label]]], "float32")
    maps, _ = arrays(labels, np.zeros((1, 1, 2, channels), "float32"), None)
    assert np.isfinite(maps[0, 0, 0]).all()
    assert np.isnan(maps[0, 0, 1]).all()


@pytest.mark.parametrize("shape", [(2, 4, 1), (2, 4, 4, 2), (2, 3, 4), (4, 4), (2, 1, 4, 4, 1)])
def test_masks_of_another_grid_are_refused(shape):
    with pytest.raises(ValueError, match=r"same grid.*Received: y_true.shape="):
        label_maps(np.zeros(shape, "float32"), np.zeros((2, 4, 4, 3), "float32"), 255)
