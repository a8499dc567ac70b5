import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfcovid.errors import InputError
from tfcovid.preprocess import interpolated, resample

sides = st.tuples(*[st.integers(1, 14)] * 3)
millimetres = st.tuples(*[st.floats(0.5, 6)] * 3)


def weights(old, new, linear=False):
    """(new, old): what each new voxel is made of, written out."""
    matrix = np.zeros((new, old))
    for k in range(new):
        if new < old and not linear:
            start, stop = k * old / new, (k + 1) * old / new
            for n in range(old):
                matrix[k, n] = max(0, min(n + 1, stop) - max(n, start)) * new / old
        else:
            place = np.clip((k + 0.5) * old / new - 0.5, 0, old - 1)
            matrix[k, int(place)] += 1 - place % 1
            matrix[k, min(int(place) + 1, old - 1)] += place % 1
    return matrix


def plain(volume, shape, linear=False):
    matrices = [weights(old, new, linear) for old, new in zip(volume.shape, shape, strict=False)]
    return np.einsum("az,by,cx,zyx...->abc...", *matrices, volume.astype(np.float64), optimize=True)


@settings(max_examples=100, deadline=None)
@given(sides, millimetres, millimetres, st.integers(0, 99))
def test_axes_that_shrink_take_means_and_axes_that_grow_are_linear(shape, spacing, wanted, seed):
    volume = np.random.default_rng(seed).random(shape, np.float32)
    result, exact = resample(volume, spacing, wanted)
    np.testing.assert_allclose(np.multiply(result.shape, exact), np.multiply(shape, spacing))
    for count, old, mm, new in zip(result.shape, shape, spacing, wanted, strict=True):
        assert count == 1 or abs(count - old * mm / new) <= 0.5 + 1e-9
    np.testing.assert_allclose(result, plain(volume, result.shape), atol=2e-3)


def test_the_spacing_that_comes_out_is_the_exact_one():
    volume, spacing = resample(np.zeros((10, 100, 7), np.int16), (5, 0.7, 1), (1.5, 1.5, 100))
    assert volume.shape == (33, 47, 1)
    np.testing.assert_allclose(spacing, (50 / 33, 70 / 47, 7))


@pytest.mark.parametrize("dtype", ["<i2", ">i2", "u1", "f4", "f8"])
def test_values_keep_their_dtype_and_whole_numbers_are_rounded_once(dtype):
    volume = np.random.default_rng(0).integers(0, 255, (9, 11, 13)).astype(dtype)
    result, _ = resample(volume, (2, 1, 1), (3, 0.8, 1.7))
    assert result.dtype == np.dtype(dtype).newbyteorder("=")
    assert np.abs(result - plain(volume, result.shape)).max() <= (0.51 if volume.dtype.kind in "iu" else 0.01)


def test_labels_take_the_nearest_voxel():
    mask = np.random.default_rng(0).choice([0, 1, 2, 255], (8, 9, 10)).astype(np.uint8)
    result, spacing = resample(mask, (3, 1, 1), (2, 2, 0.7), labels=True)
    index = [
        ((np.arange(new) + 0.5) * old / new).astype(int) for old, new in zip(mask.shape, result.shape, strict=True)
    ]
    np.testing.assert_array_equal(result, mask[np.ix_(*index)])
    assert spacing == resample(mask, (3, 1, 1), (2, 2, 0.7))[1] and result.dtype == np.uint8


def test_a_scan_is_never_copied_whole(tmp_path):
    np.save(tmp_path / "scan.npy", np.ones((96, 128, 128), np.int16))
    volume = np.load(tmp_path / "scan.npy", mmap_mode="r")
    tracemalloc.start()
    resample(volume, (1, 1, 1), (2, 2, 2))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < volume.nbytes / 4  # of which the result is half


@settings(max_examples=60, deadline=None)
@given(sides, sides, st.integers(1, 3), st.integers(1, 5), st.integers(0, 99))
def test_the_way_back_is_linear_wherever_the_slabs_were_cut(working, shape, channels, slab, seed):
    maps = np.random.default_rng(seed).random((*working, channels), np.float32)
    slabs = (maps[start : start + slab] for start in range(0, len(maps), slab))
    slices = list(interpolated(slabs, len(maps), shape))
    assert {(one.shape, one.dtype.name) for one in slices} == {((1, *shape[1:], channels), "float32")}
    np.testing.assert_allclose(np.concatenate(slices), plain(maps, shape, linear=True), atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.integers(8, 20)] * 3), millimetres, st.floats(0.5, 2))
def test_there_and_back_everything_is_in_its_place(shape, spacing, factor):
    # A field that grows by 1 a millimetre along every axis says where each voxel lies.
    grids = np.meshgrid(*[(np.arange(n) + 0.5) * mm for n, mm in zip(shape, spacing, strict=True)], indexing="ij")
    there = [resample(grid.astype(np.float32), spacing, np.multiply(spacing, factor))[0] for grid in grids]
    maps = np.stack(there, -1)
    back = np.concatenate(list(interpolated([maps], len(maps), shape)))
    edge = int(np.ceil(factor)) + 1  # where there are no neighbours on both sides to interpolate
    inner = (slice(edge, -edge),) * 3
    # The mean over parts of voxels lies up to an eighth of one beside the middle.
    np.testing.assert_allclose(back[inner], np.stack(grids, -1)[inner], atol=0.13 * max(spacing))


def test_slabs_are_taken_as_they_are_needed():
    come = []
    slabs = (come.append(k) or np.full((1, 2, 2, 1), k, np.float32) for k in range(10))
    for k, _ in enumerate(interpolated(slabs, 10, (20, 4, 4))):
        assert len(come) == min(10, (k + 1) // 2 + 1)


def test_slabs_that_end_early_are_an_error_and_not_a_shorter_scan():
    with pytest.raises(ValueError, match=r"4 slices were to come\. Received: 3"):
        list(interpolated([np.zeros((3, 2, 2, 1), np.float32)], 4, (8, 2, 2)))


@pytest.mark.parametrize(
    ("volume", "spacing", "wanted", "message"),
    [
        (np.zeros((2, 2), np.int16), (1, 1, 1), (1, 1, 1), "slices, height, width"),
        (np.zeros((0, 2, 2), np.int16), (1, 1, 1), (1, 1, 1), "slices, height, width"),
        (np.zeros((2, 2, 2), bool), (1, 1, 1), (1, 1, 1), "labels=True"),
        (np.zeros((2, 2, 2), np.int16), (1, 0, 1), (1, 1, 1), "spacing: .* Received"),
        (np.zeros((2, 2, 2), np.int16), (1, 1, 1), (1, 1), "wanted: .* Received"),
        (np.zeros((2, 2, 2), np.int16), (1, np.nan, 1), (1, 1, 1), "spacing: "),
    ],
)
def test_what_cannot_be_resampled_is_refused(volume, spacing, wanted, message):
    with pytest.raises(InputError, match=message):
        resample(volume, spacing, wanted)
