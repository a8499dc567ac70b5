"""Slices a second from the prepared store to a batch, beside PyTorch's DataLoader and MONAI's PersistentDataset.

    python benchmarks/pipeline.py [--sizes 512 256] [--slices 1024] [--networks resnet18 ...] [--json FILE]

All read the same slices of synthetic scans in random order, from files that the system has in memory, and make
batches of 32 in float32. What lies inside the measured path:

    tfcovid    TFRecord, int16 HU -> block of shuffled slices -> batch -> window; with augmentation: the layers of the
               training graph on whole batches, on the processor (where there is an accelerator they run there, and
               the processor is left with the first figure)
    PyTorch    one .npy of int16 HU a scan, memory-mapped -> window -> augmentation a slice -> collated batch
    MONAI      PersistentDataset: the windowed slice read back from its cache (written in a first, unmeasured pass) ->
               augmentation a slice -> collated batch

Augmentation is the same work everywhere: both flips with probability one half, rotation up to 5 degrees and scale up
to 0.1 in one bilinear resampling. Each contender runs in a process of its own, `--repeats` times in turns; the
fastest 512 slices in a row (or three seconds of slower ones) count, as other load on the machine only ever slows.
Without PyTorch or MONAI (the extra `parity`) their lines stay out.

Then, for every network, a short fit on slices of the store: the share of the time of a step that training waits for
input (`InputWait`), past the first epoch.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

BATCH, CENTER, WIDTH, ROTATION, SCALE = 32, -600, 1200, 5.0, 0.1
SCAN_SLICES = 128
TIMED, PATIENCE = 512, 3  # slices in a row, or what comes in so many seconds
NETWORKS = ("resnet18", "efficientnet_b0", "resnet50", "efficientnet_b4_timm")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[512, 256])
    parser.add_argument("--slices", type=int, default=1024)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2], help="of PyTorch and MONAI")
    parser.add_argument("--seconds", type=float, default=6, help="for each contender and repeat")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--networks", nargs="*", default=list(NETWORKS), help="variants of tfcovid.networks.build")
    parser.add_argument("--network-size", type=int, default=256)
    parser.add_argument("--steps", type=int, default=6, help="of an epoch of the short fit")
    parser.add_argument("--json", type=Path, help="keep the figures here")
    parser.add_argument("--measure", nargs=5, help=argparse.SUPPRESS)
    parser.add_argument("--fit", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        contender, folder, size, workers, augment = options.measure
        slices = CONTENDERS[contender](Path(folder), int(size), int(workers), augment == "True")
        print(json.dumps(_fastest(slices, options.seconds)))
        return
    if options.fit:
        folder, network = options.fit
        print(json.dumps(_fit(Path(folder), network, options.network_size, options.steps)))
        return

    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        for size in options.sizes:
            print(f"{size} x {size}, batches of {BATCH}, {os.cpu_count()} processors: slices a second")
            _write_scans(Path(folder), size, options.slices)
            rates = _rates(folder, size, options)
            for augment, what in ((False, "window alone"), (True, "window and augmentation")):
                _print_rates(what, {name: rate for name, rate in rates.items() if name[2] == augment})
            figures[size] = {" ".join(map(str, name)): rate for name, rate in rates.items()}
        if options.networks:
            size, slices = options.network_size, options.steps * BATCH
            print(f"\nshare of a step spent waiting for input, fit at {size} x {size}, batch {BATCH}")
            _write_scans(Path(folder), size, -(-slices // SCAN_SLICES) * SCAN_SLICES)
            for name in options.networks:
                share, seconds = _in_a_process(
                    ["--fit", folder, name, "--steps", str(options.steps), "--network-size", str(size)]
                )
                print(f"  {name:24}{100 * share:7.2f} %   of {seconds:.2f} s a step", flush=True)
                figures[name] = share
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


def _rates(folder: str, size: int, options) -> dict[tuple, float]:
    """(contender, workers, augmented) -> slices a second."""
    turns = [("tfcovid", 0, False), ("tfcovid", 0, True)]
    turns += [(name, n, augment) for name in ("torch", "monai") for augment in (False, True) for n in options.workers]
    rates = {}
    for _ in range(options.repeats):
        for turn in turns:
            name, workers, augment = turn
            what = ["--measure", name, folder, str(size), str(workers), str(augment)]
            rate = _in_a_process([*what, "--seconds", str(options.seconds)])
            if rate:
                rates[turn] = max(rate, rates.get(turn, 0))
    return rates


def _print_rates(what: str, rates: dict[tuple, float]) -> None:
    print(f"  {what}")
    ours = max(rate for (name, *_), rate in rates.items() if name.startswith("tfcovid"))
    for (name, workers, _), rate in rates.items():
        of_ours = name.startswith("tfcovid")
        ratio = "" if of_ours else f"   tfcovid is {ours / rate:.1f} times as fast"
        print(f"    {name if of_ours else f'{name}, {workers} workers':20}{rate:8.0f}{ratio}", flush=True)


def _in_a_process(what: list[str]) -> float | list | None:
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    run = subprocess.run([sys.executable, __file__, *what], env=environment, capture_output=True, text=True)
    if run.returncode:
        if what[1] in ("torch", "monai") and "ModuleNotFoundError" in run.stderr:
            return None
        sys.exit(f"{' '.join(what)} failed:\n{run.stderr[-3000:]}")
    return json.loads(run.stdout.splitlines()[-1])


def _fastest(batches: Iterable[int], seconds: float) -> float:
    """The most slices a second over `TIMED` slices in a row, from an iterator that tells of each batch it made."""
    best, count, stop, start = 0.0, 0, None, None
    for made in batches:
        now = time.perf_counter()
        if stop is None:  # from the first batch on
            stop, start = now + seconds, now
            continue
        count += made
        if count >= TIMED or now - start > PATIENCE:
            best, count, start = max(best, count / (now - start)), 0, now
        if now > stop and best:
            break
    return best


def _write_scans(folder: Path, size: int, slices: int) -> None:
    from tfcovid.data.shard import write_shard

    for n in range(slices // SCAN_SLICES):
        record, array = folder / f"{size}-{n}.tfrecord", folder / f"{size}-{n}.npy"
        if not record.exists():
            hu = np.random.default_rng(n).integers(-1000, 500, (SCAN_SLICES, size, size)).astype(np.int16)
            np.save(array, hu)
            write_shard(record, hu)


def _batches(folder: Path, size: int, batch: int, epochs: int):
    from tfcovid.data import Entry, Prepared
    from tfcovid.data.datasets import training_slices

    records = sorted(folder.glob(f"{size}-*.tfrecord"))
    index = tuple(range(SCAN_SLICES))
    scans = [Prepared(Entry(record, record.stem, "a"), record, index, SCAN_SLICES, (), "") for record in records]
    targets = [np.full(SCAN_SLICES, n % 2, np.int32) for n in range(len(scans))]
    return training_slices(scans, targets, (size, size), batch, epochs)


def _layers(augment: bool) -> list:
    from tfcovid.layers import RandomAffine, RandomWindowLevel

    flips = ("horizontal", "vertical")
    affine = [RandomAffine(flip=flips, rotation=ROTATION, scale=SCALE, seed=0)] if augment else []
    return [RandomWindowLevel(CENTER, CENTER, WIDTH, seed=0), *affine]


def _tfcovid(folder: Path, size: int, workers: int, augment: bool) -> Iterator[int]:
    import tensorflow as tf

    layers = _layers(augment)

    @tf.function
    def shown(x):
        for layer in layers:
            x = layer(x, training=True)
        return x

    for hu, _ in _batches(folder, size, BATCH, 10_000):
        yield len(shown(hu).numpy())


def _fit(folder: Path, network: str, size: int, steps: int) -> list[float]:
    """Share of a step that is spent waiting, and seconds of a step."""
    import keras

    from tfcovid.data.input_wait import InputWait
    from tfcovid.networks import build

    wait, seconds = InputWait(), []
    inputs = keras.Input((size, size, 1), dtype="int16")
    x = inputs
    for layer in _layers(True):
        x = layer(x)
    model = keras.Model(inputs, build(network, 2, (size, size, 1))(x))
    model.compile("sgd", "sparse_categorical_crossentropy", jit_compile=False)

    class Times(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            wait.reset()  # the first epoch also builds the graph
            self.start = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            seconds.append(time.perf_counter() - self.start)

    data = wait.apply(_batches(folder, size, BATCH, 10))
    model.fit(data, steps_per_epoch=steps, epochs=2, verbose=0, shuffle=False, callbacks=[Times()])
    return [wait.seconds / seconds[-1], seconds[-1] / steps]


def _torch(folder: Path, size: int, workers: int, augment: bool) -> Iterator[int]:
    import torch
    from torch.nn import functional

    arrays = [np.load(path, mmap_mode="r") for path in sorted(folder.glob(f"{size}-*.npy"))]

    class Slices(torch.utils.data.Dataset):
        def __len__(self):
            return len(arrays) * SCAN_SLICES

        def __getitem__(self, n):
            hu = torch.from_numpy(arrays[n // SCAN_SLICES][n % SCAN_SLICES].astype(np.float32))[None]
            x = ((hu - CENTER) / WIDTH + 0.5).clamp_(0, 1)
            if not augment:
                return x
            signs = 1.0 - 2.0 * (torch.rand(2) < 0.5)
            angle = np.radians(ROTATION) * (2 * torch.rand(()) - 1)
            zoom = 1 + SCALE * (2 * torch.rand(()) - 1)
            cos, sin, nothing = torch.cos(angle) / zoom, torch.sin(angle) / zoom, torch.zeros(())
            rows = torch.stack(
                [torch.stack([cos, -sin, nothing]) * signs[0], torch.stack([sin, cos, nothing]) * signs[1]]
            )
            grid = functional.affine_grid(rows[None], (1, *x.shape), align_corners=False)
            return functional.grid_sample(x[None], grid, align_corners=False)[0]

    return _endlessly(torch.utils.data.DataLoader(Slices(), BATCH, shuffle=True, drop_last=True, **_workers(workers)))


def _monai(folder: Path, size: int, workers: int, augment: bool) -> Iterator[int]:
    from monai.data import DataLoader, PersistentDataset
    from monai.transforms import Compose, RandAffine, RandFlip, Transform

    arrays = {path.name: np.load(path, mmap_mode="r") for path in sorted(folder.glob(f"{size}-*.npy"))}

    class Windowed(Transform):
        def __call__(self, item):
            hu = arrays[item["scan"]][item["slice"]].astype(np.float32)[None]
            return np.clip((hu - CENTER) / WIDTH + 0.5, 0, 1)

    turned = RandAffine(
        1.0, np.radians(ROTATION), scale_range=(SCALE, SCALE), mode="bilinear", padding_mode="zeros", cache_grid=True,
        spatial_size=(size, size),
    )  # fmt: skip
    random = [RandFlip(0.5, 0), RandFlip(0.5, 1), turned] if augment else []
    items = [{"scan": name, "slice": k} for name in arrays for k in range(SCAN_SLICES)]
    data = PersistentDataset(items, Compose([Windowed(), *random]), folder / f"cache-{size}")
    for n in range(len(items)):
        data[n]
    return _endlessly(DataLoader(data, batch_size=BATCH, shuffle=True, drop_last=True, **_workers(workers)))


def _workers(count: int) -> dict:
    return {"num_workers": count, **({"persistent_workers": True} if count else {})}


def _endlessly(loader) -> Iterator[int]:
    while True:
        for batch in loader:
            yield len(batch)


CONTENDERS = {"tfcovid": _tfcovid, "torch": _torch, "monai": _monai}


if __name__ == "__main__":
    main()
