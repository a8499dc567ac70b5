import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import uniform_filter

from tests.parity import report
from tfcovid.inference.sliding_window import sliding_window

VALUE = -1024


def network(margin=0):
    """Its output depends on all three axes and on the rim of the window; `margin` voxels are taken away."""
    middle = slice(margin, -margin or None)

    def run(windows, starts):
        x = windows.astype("float32") / 1000
        x = np.stack([uniform_filter(one, 3, mode="constant") for one in x])[:, middle, middle, middle]
        return np.stack([x, np.tanh(x * x)], axis=-1)

    return run


def whole(volume, window, inner, run, overlap, sigma):
    """The same windows, written down plainly: padded volume, a sum and a sum of weights of the size of the volume."""
    margin = [(w - i) // 2 for w, i in zip(window, inner, strict=True)]
    lack = [max(0, side - n) for n, side in zip(volume.shape, inner, strict=True)]
    before = [m + k - k // 2 if k else m for m, k in zip(margin, lack, strict=True)]
    after = [m + k // 2 for m, k in zip(margin, lack, strict=True)]
    padded = np.pad(volume, list(zip(before, after, strict=True)), constant_values=VALUE)
    sides = [n + k for n, k in zip(volume.shape, lack, strict=True)]
    rims = [-0.5 * ((np.arange(i) - (i - 1) / 2) / (sigma * i)) ** 2 for i in inner]
    weights = np.exp(rims[0][:, None, None] + rims[1][:, None] + rims[2])
    total, count = np.zeros((*sides, 2)), np.zeros((*sides, 1))
    starts = []
    for n, side in zip(sides, inner, strict=True):
        step = max(1, int(side * (1 - overlap)))
        starts.append(sorted({min(start, n - side) for start in range(0, n - side + step, step)}))
    for z in starts[0]:
        for y in starts[1]:
            for x in starts[2]:
                seen = padded[z : z + window[0], y : y + window[1], x : x + window[2]]
                place = np.s_[z : z + inner[0], y : y + inner[1], x : x + inner[2]]
                total[place] += weights[..., None] * run(seen[None], None)[0]
                count[place] += weights[..., None]
    inside = tuple(slice(b - m, b - m + n) for b, m, n in zip(before, margin, volume.shape, strict=True))
    return (total / count)[inside]


def scan(shape, seed=0):
    return np.random.default_rng(seed).integers(-1024, 400, shape).astype("int16")


sides = st.tuples(*[st.integers(1, 14)] * 3)


@settings(max_examples=60, deadline=None)
@given(
    sides, st.tuples(*[st.integers(1, 8)] * 3), st.integers(0, 2), st.integers(1, 5), st.sampled_from([0, 0.25, 0.7])
)
def test_it_equals_the_same_windows_on_whole_arrays(shape, inner, margin, batch, overlap):
    volume, window = scan(shape), tuple(side + 2 * margin for side in inner)
    run = network(margin)
    planes = list(sliding_window(volume, window, run, 2, inner=inner, overlap=overlap, batch=batch, value=VALUE))
    assert all(plane.shape == (1, *shape[1:], 2) and plane.dtype == np.float32 for plane in planes)
    expected = whole(volume, window, inner, run, overlap, 0.125)
    np.testing.assert_allclose(np.concatenate(planes), expected, atol=1e-5)


def test_one_window_over_the_volume_is_the_network_itself():
    volume = scan((6, 7, 8))
    planes = list(sliding_window(volume, (6, 7, 8), network(), 2))
    np.testing.assert_allclose(np.concatenate(planes), network()(volume[None], None)[0], atol=1e-6)


@pytest.mark.parametrize("shape", [(13, 21, 17), (5, 9, 30)])
def test_it_equals_monai(shape):
    torch = pytest.importorskip("torch")
    inferers = pytest.importorskip("monai.inferers")
    volume, run = scan(shape), network()

    def peer(windows):
        return torch.from_numpy(np.moveaxis(run(windows[:, 0].numpy(), None), -1, 1).copy())

    theirs = inferers.sliding_window_inference(
        torch.from_numpy(volume.astype("float32"))[None, None],
        (8, 8, 8),
        4,
        peer,
        overlap=0.25,
        mode="gaussian",
        sigma_scale=0.25,  # above which MONAI raises no weight
        cval=VALUE,
    )
    ours = np.concatenate(list(sliding_window(volume, (8, 8, 8), run, 2, sigma=0.25, batch=4)))
    theirs = np.moveaxis(theirs[0].numpy(), 0, -1)
    report("sliding_window, sigma 0.25", "MONAI sliding_window_inference", ours, theirs)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_every_batch_is_full_and_knows_where_its_windows_begin():
    volume, seen = scan((4, 11, 9)), []

    def run(windows, starts):
        for window, start in zip(windows, starts, strict=True):
            low = np.maximum(start, 0)
            part = volume[tuple(slice(a, b + 6) for a, b in zip(low, start, strict=True))]
            inside = tuple(slice(a - b, a - b + n) for a, b, n in zip(low, start, part.shape, strict=True))
            np.testing.assert_array_equal(window[inside], part)
            assert (window == VALUE).sum() >= 6**3 - part.size
        seen.append((windows.shape, windows.dtype, len(starts)))
        return windows[:, 1:-1, 1:-1, 1:-1, None].astype("float32")

    planes = list(sliding_window(volume, (6, 6, 6), run, 1, inner=(4, 4, 4), batch=5))
    np.testing.assert_allclose(np.concatenate(planes)[..., 0], volume, rtol=1e-5)
    assert seen == [((5, 6, 6, 6), np.int16, 5)] * 3  # 4 x 3 windows, the last batch filled up


def test_memory_does_not_grow_with_the_number_of_slices(tmp_path):
    def peak(slices):
        path = tmp_path / f"{slices}.npy"
        volume = np.lib.format.open_memmap(path, "w+", "int16", (slices, 64, 64))
        tracemalloc.start()
        for _ in sliding_window(volume, (8, 32, 32), lambda windows, _: windows[..., None].astype("float32"), 1):
            pass
        held = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return held

    assert peak(160) < 1.5 * peak(40)  # what grows is the list of windows; the volume is four times as large


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"window": (4, 4)}, "three sides"),
        ({"inner": (4, 4, 3)}, "on either side"),
        ({"overlap": 1.0}, "overlap=1.0"),
        ({"channels": 3}, r"\(1, 4, 4, 4, 3\)"),
        ({"volume": np.zeros((0, 4, 4))}, r"\(0, 4, 4\)"),
    ],
)
def test_what_does_not_fit_is_named(change, said):
    arguments = {"volume": scan((4, 4, 4)), "window": (4, 4, 4), "run": network(), "channels": 2} | change
    with pytest.raises(ValueError, match=said):
        list(sliding_window(**arguments))
