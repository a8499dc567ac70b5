import io

import keras
import numpy as np
import pytest
from PIL import Image, ImageSequence
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.util import img_mime_type_detector, tensor_util

from tfcovid.report.mask_colours import mask_colours
from tfcovid.training.log_slices import SLICES
from tfcovid.training.log_volumes import LogVolumes

LABELS = ("background", "left lung", "right lung", "infection")


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """Step -> (tag, plugin, width, height, picture) after four epochs, every second of them drawn."""
    ct = np.stack([np.full((6, 8), 40 * k, np.uint8) for k in range(5)])
    truth = np.zeros_like(ct)
    for k in range(5):
        truth[k, k] = [0, 1, 2, 3, 255, 0, 0, 0]
    folder = tmp_path_factory.mktemp("tensorboard")
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(loss="mse")
    seen = []

    def draw(model):
        seen.append(model)
        return {"ct": ct, "truth": truth}

    model.fit(np.ones((2, 1)), np.ones((2, 1)), epochs=4, verbose=0, callbacks=[LogVolumes(draw, folder, every=2)])
    assert seen == [model, model]
    found = {}
    for file in sorted((folder / SLICES).iterdir()):
        for event in EventFileLoader(str(file)).Load():
            for value in event.summary.value:
                width, height, picture = tensor_util.make_ndarray(value.tensor)
                plugin = value.metadata.plugin_data.plugin_name
                found[event.step] = value.tag, plugin, int(width), int(height), picture
    return found, ct, truth


def test_an_image_is_there_for_every_second_epoch(logged):
    found, *_ = logged
    assert sorted(found) == [0, 2]
    assert found[0][:4] == ("ct | truth", "images", 18, 6)
    assert img_mime_type_detector.from_bytes(found[0][4]) == "image/gif"


def test_it_plays_grey_and_coloured_slices_side_by_side(logged):
    found, ct, truth = logged
    frames = [np.array(f.convert("RGB")) for f in ImageSequence.Iterator(Image.open(io.BytesIO(found[2][4])))]
    colours = {n: colour.tolist() for n, colour in enumerate(mask_colours(LABELS))}
    assert len(frames) == 5
    for k, frame in enumerate(frames):
        assert np.abs(frame[:, :8].astype(int) - ct[k][..., None]).max() <= 1
        for n, colour in colours.items():
            assert (frame[:, 10:][truth[k] == n] == colour).all()
        assert np.ptp(frame[k, 14]) == 0 and 0 < frame[k, 14, 0] < 255  # unlabelled is grey
