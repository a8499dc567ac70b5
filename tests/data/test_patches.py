import numpy as np
import pytest

from tfcovid.data.patches import patches_per_epoch, training_patches, validation_patches


def batches(dataset):
    return [{name: array.numpy() for name, array in batch.items()} for batch in dataset]


def same(one, other):
    assert len(one) == len(other)
    for left, right in zip(one, other, strict=True):
        for name in ("ct", "labels", "spacing"):
            np.testing.assert_array_equal(left[name], right[name])


@pytest.mark.parametrize(("kind", "shape"), [("flat", (32, 64)), ("solid", (8, 16, 16))])
def test_batches_are_full_and_what_fills_none_is_left_out(kind, shape, segmenters, volumes):
    segmenter, scans = getattr(segmenters, kind)(), getattr(volumes, kind)[:3]
    seen = batches(training_patches(scans, segmenter))
    assert patches_per_epoch(scans, segmenter) == 3 and len(seen) == 3 * 3  # of 15 samples, in 3 epochs
    for batch in seen:
        assert batch["ct"].shape == batch["labels"].shape == (4, *shape, 1)
        assert batch["spacing"].shape == (4, len(shape))
        assert [batch[name].dtype.name for name in ("ct", "labels", "spacing")] == ["int16", "uint8", "float32"]
    few = batches(training_patches(scans[:1], getattr(segmenters, kind)(samples=3)))
    assert [len(batch["ct"]) for batch in few] == [3, 3, 3]
    spec = training_patches(scans, segmenter).element_spec
    assert spec["ct"].shape.as_list() == [4, *shape, 1] and spec["spacing"].shape.as_list() == [4, len(shape)]


@pytest.mark.parametrize("kind", ["flat", "solid"])
def test_a_run_that_goes_on_sees_what_it_would_have_seen(kind, segmenters, volumes):
    segmenter, scans = getattr(segmenters, kind)(), getattr(volumes, kind)[:4]
    whole = batches(training_patches(scans, segmenter))
    same(whole, batches(training_patches(scans, segmenter)))
    same(whole[5:], batches(training_patches(scans, segmenter, first_epoch=1)))
    with pytest.raises(AssertionError):
        same(whole[:5], whole[5:10])
    other = getattr(segmenters, kind)({"seed": 1})
    with pytest.raises(AssertionError):
        same(whole, batches(training_patches(scans, other)))


def test_every_slice_comes_with_its_own_labels_and_spacing(segmenters, volumes):
    segmenter = segmenters.flat(samples=8, batch=8)
    known = {}
    for volume in volumes.flat:
        for ct, labels in zip(np.load(volume.ct), np.load(volume.labels), strict=True):
            known[ct.tobytes()] = labels, volume.spacing[1:]
    epoch = batches(training_patches(volumes.flat, segmenter))[: patches_per_epoch(volumes.flat, segmenter)]
    for batch in epoch:
        for ct, labels, spacing in zip(batch["ct"], batch["labels"], batch["spacing"], strict=True):
            expected, millimetres = known[ct.tobytes()]
            np.testing.assert_array_equal(labels[..., 0], expected)
            np.testing.assert_allclose(spacing, millimetres, rtol=1e-6)
    # 12 scans of 8 slices: an epoch has each of them once, in another order than the store.
    drawn = [ct.tobytes() for batch in epoch for ct in batch["ct"]]
    assert set(drawn) == set(known) and len(drawn) == 96 and drawn != list(known)


def test_what_lies_outside_the_scan_is_air_without_a_label(segmenters, volumes):
    volume = volumes.solid[0]
    patch = (16, 64, 72)
    [batch] = batches(training_patches([volume], segmenters.solid(patch=patch, samples=1, epochs=1)))
    ct, labels = np.load(volume.ct), np.load(volume.labels)
    assert (np.array(patch) >= ct.shape).all()
    outside = batch["labels"][0, ..., 0] == 255
    assert outside.sum() == np.prod(patch) - ct.size and (batch["ct"][0, ..., 0][outside] == -1024).all()
    # What is inside is the whole scan, in place.
    np.testing.assert_array_equal(batch["ct"][0, ..., 0][~outside].reshape(ct.shape), ct)
    np.testing.assert_array_equal(batch["labels"][0, ..., 0][~outside].reshape(ct.shape), labels)


def test_validation_is_the_same_every_time_and_its_last_batch_is_filled_up(segmenters, volumes):
    for kind in ("flat", "solid"):
        segmenter, scans = getattr(segmenters, kind)(), getattr(volumes, kind)[:3]
        seen = batches(validation_patches(scans, segmenter))
        same(seen, batches(validation_patches(scans, segmenter)))
        assert [len(batch["ct"]) for batch in seen] == [4, 4, 4, 4]  # 15 samples
        assert (seen[-1]["labels"][-1] == 255).all() and (seen[-1]["ct"][-1] == -1024).all()
        assert not (np.concatenate([batch["labels"] for batch in seen])[:15] == 255).all((1, 2, 3)).any()
    assert batches(validation_patches([], segmenter)) == []


def test_validation_slices_are_evenly_spaced_in_the_order_of_the_scans(segmenters, volumes):
    [batch] = batches(validation_patches(volumes.flat[:2], segmenters.flat(samples=2)))
    first, second = (np.load(volume.ct) for volume in volumes.flat[:2])
    np.testing.assert_array_equal(batch["ct"][..., 0], [first[0], first[7], second[0], second[7]])
