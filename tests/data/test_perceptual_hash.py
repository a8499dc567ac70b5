import cv2
import numpy as np
import pytest

from tests.data_folder import DATA, needs_data
from tfcovid.data import read_manifest, write_manifest
from tfcovid.data.layouts import find_layout
from tfcovid.data.perceptual_hash import NEAR, near_pairs, perceptual_hash


def picture(seed, side=128):
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 9)).astype(np.uint8)
    return cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)


def apart(a, b):
    return int(np.unpackbits(a ^ b).sum())


def test_resizing_and_encoding_hardly_change_a_hash_and_another_picture_does():
    image = picture(0)
    small = cv2.imdecode(cv2.imencode(".jpg", cv2.resize(image, (70, 60)), [cv2.IMWRITE_JPEG_QUALITY, 50])[1], 0)
    assert perceptual_hash(image).shape == (32,) and perceptual_hash(image).dtype == np.uint8
    assert apart(perceptual_hash(image), perceptual_hash(small)) <= NEAR
    assert apart(perceptual_hash(image), perceptual_hash(picture(1))) > 80


def test_brightness_and_contrast_do_not_change_a_hash():
    image = picture(0)
    assert apart(perceptual_hash(image), perceptual_hash((image * 0.5 + 60).astype(np.uint8))) <= NEAR


def test_an_image_without_contrast_has_no_hash():
    assert perceptual_hash(np.full((64, 64), 7, np.uint8)) is None


def test_pairs_are_those_of_a_plain_search(monkeypatch):
    monkeypatch.setattr("tfcovid.data.perceptual_hash._BLOCK", 7)
    random = np.random.default_rng(0)
    hashes = np.repeat(random.integers(0, 256, (10, 32), dtype=np.uint8), 3, axis=0)
    for row in hashes:
        row[random.integers(0, 32, random.integers(0, 12))] ^= 0b10010000
    groups = random.integers(0, 4, 30)
    expected = {
        (a, b, apart(hashes[a], hashes[b]))
        for a in range(30)
        for b in range(a + 1, 30)
        if groups[a] != groups[b] and apart(hashes[a], hashes[b]) <= 20
    }
    found = [tuple(map(int, pair)) for block in near_pairs(hashes, groups, 20) for pair in zip(*block, strict=True)]
    assert set(found) == expected and len(found) == len(expected) > 5


@needs_data
@pytest.mark.parametrize(
    "layout, folder, split, least",
    # Between patients of COVID-CT; between the two labels of the other set, which knows no patients.
    [("covid-ct", "covid_ct", "patient", 48), ("sars-cov-2-ct", "slices3/soares_sarscov2", "label", 38)],
)
def test_slices_of_different_people_are_farther_apart_than_copies(tmp_path, layout, folder, split, least):
    write_manifest(find_layout(layout)(DATA / folder), tmp_path / "m.csv")
    entries = read_manifest(tmp_path / "m.csv")[::3]
    images = [cv2.imdecode(np.fromfile(entry.scan, np.uint8), cv2.IMREAD_GRAYSCALE) for entry in entries]
    hashes = np.stack([perceptual_hash(image) for image in images])
    groups = np.unique([getattr(entry, split) for entry in entries], return_inverse=True)[1]
    assert sum(len(first) for first, _, _ in near_pairs(hashes, groups, least - 1)) == 0
    halves = [cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for image in images]
    again = [cv2.imdecode(cv2.imencode(".jpg", half, [cv2.IMWRITE_JPEG_QUALITY, 50])[1], 0) for half in halves]
    assert max(apart(a, perceptual_hash(b)) for a, b in zip(hashes, again, strict=True)) <= NEAR
