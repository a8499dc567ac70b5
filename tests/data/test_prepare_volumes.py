import importlib
import shutil
from dataclasses import replace

import numpy as np
import pytest

from tfcovid.data import Entry, label_volume, prepare_volumes
from tfcovid.data.layouts.phantom import phantom
from tfcovid.data.prepare import content_hash
from tfcovid.errors import InputError
from tfcovid.preprocess import crop_resize, from_8bit, resample
from tfcovid.scans import read_scan


@pytest.fixture
def one(cohort, tmp_path):
    """An entry whose scan and masks may be changed."""
    entry = next(entry for entry in phantom(cohort.folder) if entry.label == "covid-19")
    files = {name: shutil.copy(getattr(entry, name), tmp_path / f"{name}.nii.gz") for name in ("lungs", "lesions")}
    return replace(entry, scan=shutil.copytree(entry.scan, tmp_path / "scans" / entry.scan.name), **files)


@pytest.fixture
def reads(monkeypatch):
    """The scans that were read, in a list that grows; masks are not among them."""
    module, read = importlib.import_module("tfcovid.data.prepare_volumes"), []
    monkeypatch.setattr(module, "read_scan", lambda path, **options: read.append(path) or read_scan(path, **options))
    return read


def test_slices_are_resized_whole_and_volumes_resampled_with_their_labels(segmenters, volumes, cohort):
    for flat, solid in zip(volumes.flat[::5], volumes.solid[::5], strict=True):
        scan = read_scan(flat.entry.scan)
        truth = label_volume(scan, flat.entry, segmenters.flat().labels)
        boxes = np.tile([0, 0, 64, 64], (8, 1))
        np.testing.assert_array_equal(np.load(flat.ct), crop_resize(scan.hu, boxes, (32, 64)))
        np.testing.assert_array_equal(np.load(flat.labels), crop_resize(truth, boxes, (32, 64), labels=True))
        assert flat.spacing == (scan.spacing[0], scan.spacing[1] * 2, scan.spacing[2])
        hu, spacing = resample(scan.hu, scan.spacing, (20, 6, 6))
        np.testing.assert_array_equal(np.load(solid.ct), hu)
        np.testing.assert_array_equal(np.load(solid.labels), resample(truth, scan.spacing, (20, 6, 6), labels=True)[0])
        assert solid.spacing == spacing and solid.shape == hu.shape
        for volume in (flat, solid):
            assert np.load(volume.ct).dtype == np.int16 and np.load(volume.labels).dtype == np.uint8
            assert ("too-few-slices", "warning") in volume.findings
            assert volume.content == content_hash(flat.entry.scan)
    assert [volume.entry for volume in volumes.flat] == phantom(cohort.folder)


def test_8bit_slices_are_read_through_the_window_they_were_made_with(segmenters, tmp_path):
    import cv2

    pixels = np.random.default_rng(0).integers(0, 255, (32, 64)).astype(np.uint8)
    for name, image in (("ct", pixels), ("lungs", (pixels > 100) * np.uint8(255))):
        cv2.imwrite(str(tmp_path / f"{name}.png"), image)
    entry = Entry(tmp_path / "ct.png", "p", "x", lungs=tmp_path / "lungs.png")
    labels = {"labels": ("background", "lung")}
    done, [(_, reason)] = prepare_volumes(segmenters.flat(labels), [entry], tmp_path / "store")
    assert not done and "8-bit grey levels" in reason and "eight_bit: " in reason
    level = {"eight_bit": {"center": -500, "width": 1400}}
    [volume], _ = prepare_volumes(segmenters.flat(labels | level), [entry], tmp_path / "store")
    np.testing.assert_array_equal(np.load(volume.ct)[0], from_8bit(pixels, -500, 1400))
    np.testing.assert_array_equal(np.load(volume.labels)[0], pixels > 100)


def test_places_are_voxels_of_their_label_anywhere_in_it(volumes):
    for volume in volumes.flat:
        places, labels = np.load(volume.places), np.load(volume.labels)
        assert places.dtype == np.int32 and len(np.unique(places, axis=0)) == len(places)
        assert (labels[tuple(places[:, 1:].T)] == places[:, 0]).all()
        for label in (1, 2):
            count = int((labels == label).sum())
            drawn = places[places[:, 0] == label, 1:]
            assert len(drawn) == min(2000, count)
            if count > 2000:
                # Of uniform draws the means agree; so do the slices, within four standard errors.
                everywhere = np.argwhere(labels == label)
                error = everywhere.std(0) / np.sqrt(2000)
                assert (np.abs(drawn.mean(0) - everywhere.mean(0)) < 4 * error).all()
    assert {int(np.load(volume.places)[:, 0].max()) for volume in volumes.flat} == {1, 2}  # the healthy have one label


def test_what_is_there_is_kept_and_what_changed_is_made_anew(segmenters, one, tmp_path, reads):
    def made(segmenter):
        del reads[:]
        [volume], failed = prepare_volumes(segmenter, [one], tmp_path / "store")
        assert not failed
        return volume, len(reads)

    first, count = made(segmenters.flat())
    assert count == 1 and made(segmenters.flat()) == (first, 0)
    assert made(segmenters.flat(variant="attention_unet_compact", epochs=9, samples=2)) == (first, 0)
    lungs_only = {"labels": ("background", "lung")}
    for other in (segmenters.flat(size=(64, 64)), segmenters.flat(lungs_only), segmenters.solid()):
        volume, count = made(other)
        assert volume.ct != first.ct and count == 1
    shutil.copy(one.lungs, one.lesions)
    assert made(segmenters.flat(lungs_only))[1] == 0  # which needs no lesions
    volume, count = made(segmenters.flat())
    assert volume.labels != first.labels and volume.content == first.content and count == 1
    assert set(np.unique(np.load(volume.labels))) == {0, 2}


def test_a_scan_whose_files_are_not_whole_is_prepared_again(segmenters, one, tmp_path, reads):
    [volume], _ = prepare_volumes(segmenters.flat(), [one], tmp_path / "store")
    names = sorted(path.name for path in (tmp_path / "store").iterdir())
    assert len(names) == 4 and not any(name.startswith(".") for name in names)
    [facts] = (tmp_path / "store").glob("*.json")
    facts.unlink()
    assert prepare_volumes(segmenters.flat(), [one], tmp_path / "store") == ([volume], []) and len(reads) == 2


def test_bad_scans_and_bad_masks_are_reported_and_the_others_prepared(segmenters, volumes, one, tmp_path):
    good = volumes.flat[0].entry
    (tmp_path / "text.txt").write_text("no scan")
    (tmp_path / "cut.nii.gz").write_bytes(one.lungs.read_bytes()[:-20])
    bad = [
        (replace(one, scan=tmp_path / "gone"), "no such scan"),
        (replace(one, scan=tmp_path / "text.txt"), "no scan here"),
        (replace(one, lungs=None), "column lungs"),
        (replace(one, lesions=tmp_path / "gone.nii.gz"), "no such mask"),
        (replace(one, lungs=tmp_path / "cut.nii.gz"), "damaged or cut short"),
        (replace(one, lungs=good.lungs), "the mask lies elsewhere than its scan"),
    ]
    entries = [bad[0][0], good, *(entry for entry, _ in bad[1:])]
    done, failed = prepare_volumes(segmenters.flat(), entries, tmp_path / "store")
    assert [volume.entry for volume in done] == [good]
    assert [entry for entry, _ in failed] == [entry for entry, _ in bad]
    for (_, reason), (_, expected) in zip(failed, bad, strict=True):
        assert expected in reason and "unexpected" not in reason
    assert len(list((tmp_path / "store").iterdir())) == 4  # nothing half-written
    with pytest.raises(InputError, match="typo"):
        prepare_volumes(segmenters.flat(), [one], tmp_path / "store", allow=["typo"])
