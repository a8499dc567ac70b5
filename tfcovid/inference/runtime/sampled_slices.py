import numpy as np

_ROUNDS = 10
_MULTIPLIERS = np.array([0xD2511F53, 0xCD9E8D57], np.uint64)
_WEYL = np.array([0x9E3779B9, 0xBB67AE85], np.uint64)
_LOW = np.uint64(0xFFFFFFFF)


def sampled_slices(scans: int, slices: int, count: int, seed: int) -> np.ndarray:
    """The slices that the first draw of `tfcovid.layers.SampledSlices(count, seed)` takes of scans without padding.

    The same ones, without TensorFlow: its stateless random numbers are those of Philox 4x32-10 (Salmon et al.,
    "Parallel random numbers: as easy as 1, 2, 3", 2011).

    Returns:
        `(scans, count)` int, numbers of slices in the order of the scan.
    """
    keys = stateless_uniform((scans, slices), (seed, 0))
    shuffled = np.argsort(keys, axis=1, kind="stable")
    taken = np.cumsum(count // slices + (shuffled < count % slices), axis=1)
    return (taken[:, None, :] <= np.arange(count)[:, None]).sum(axis=-1)


def stateless_uniform(shape: tuple[int, ...], seed: tuple[int, int]) -> np.ndarray:
    """float32 in [0, 1), those of `tf.random.stateless_uniform(shape, seed)` on processors and GPUs."""
    size = int(np.prod(shape))
    words = [half for one in seed for half in (one & 0xFFFFFFFF, one >> 32 & 0xFFFFFFFF)]
    # TensorFlow scrambles the seed with a key of its own first.
    key = _philox(np.array([words], np.uint64), np.array([0x3EC8F720, 0x02461E29], np.uint64))[0]
    counters = np.zeros((-(-size // 4), 4), np.uint64)
    counters[:, 0] = np.arange(len(counters))
    counters[:, 2:] = key[2:]
    drawn = _philox(counters, key[:2]).ravel()[:size].astype(np.uint32)
    return ((drawn & 0x7FFFFF) | 0x3F800000).view(np.float32).reshape(shape) - np.float32(1)


def _philox(counters: np.ndarray, key: np.ndarray) -> np.ndarray:
    """`(n, 4)` random words of 32 bits from `(n, 4)` counters and a key of two words, all held as uint64."""
    for n in range(_ROUNDS):
        low, high = (product := counters[:, [0, 2]] * _MULTIPLIERS) & _LOW, product >> np.uint64(32)
        turned = (key + np.uint64(n) * _WEYL) & _LOW
        first, second = high[:, 1] ^ counters[:, 1] ^ turned[0], high[:, 0] ^ counters[:, 3] ^ turned[1]
        counters = np.stack([first, low[:, 1], second, low[:, 0]], axis=1)
    return counters
