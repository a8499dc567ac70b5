"""Time and memory of 3-D segmentation, beside MONAI's UNet and sliding windows under PyTorch.

    python benchmarks/segmentation.py [patch|train|scan ...] [--bf16] [--norm instance] [--threads 2] [--json FILE]

"patch" is inference of one patch, "train" a training step of one, "scan" a whole scan of int16 HU to labels by sliding
windows with Gaussian weights. Both sides have MONAI's layout (32 to 256 channels, strides of 2, residual units; one
channel in, logits of two labels out), the same windows, overlap, threads and precision. Each measurement is a process
of its own, ours first and then theirs, in turns: the best of `--repeats` runs counts, after one that traces and warms
up, of a scan the time of one window. Memory is the most the process held, less what it held with the network built and
the scan in memory. PyTorch runs channels last under `torch.inference_mode`. Beside the two: our network as it was
trained, its norms not folded; MONAI with its buffer, which it has to save memory; and our `unet3d` at the same widths.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

WIDTHS = (32, 64, 128, 256)
# What is measured on which sides, the peer last but for what it has of its own.
SIDES = {
    "patch": ("ours", "monai", "not folded", "unet3d"),
    "train": ("ours", "monai", "unet3d"),
    "scan": ("ours", "monai", "monai buffered", "not folded", "unet3d"),
}
LOW, HIGH = -1350, 150  # HU that become 0 and 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", help=f"of {', '.join(SIDES)}")
    parser.add_argument("--sides", help="of 'ours', 'monai', 'monai buffered', 'not folded', 'unet3d', by commas")
    parser.add_argument("--bf16", action="store_true", help="mixed bfloat16 on both sides")
    parser.add_argument("--norm", choices=("batch", "instance"), default="batch")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--patch", type=_sides, default=(120, 136, 136), help="slices,rows,columns")
    parser.add_argument("--scan", type=_sides, default=(148, 512, 512))
    parser.add_argument("--window", type=_sides, default=(96, 96, 96))
    parser.add_argument("--overlap", type=float, default=0.25)
    parser.add_argument("--batch", type=int, default=1, help="windows at a time")
    parser.add_argument("--json", type=Path, help="keep the figures here")
    parser.add_argument("--measure", nargs=2, metavar=("WHAT", "SIDE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if unknown := [what for what in options.what if what not in SIDES]:
        parser.error(f"{unknown[0]!r} is not one of {', '.join(SIDES)}")
    if options.measure:
        what, side = options.measure
        print(json.dumps((_torch if side.startswith("monai") else _keras)(what, side, options)))
        return

    figures = {}
    print(f"{'':8}{'':16}{'seconds':>9}{'/ MONAI':>9}{'added MB':>10}{'/ MONAI':>9}")
    for what in options.what or SIDES:
        sides = options.sides.split(",") if options.sides else SIDES[what]
        found = {side: _in_a_process(what, side, options) for side in sides if side in SIDES[what]}
        peer = found.get("monai")
        for side, figure in found.items():
            line = f"{what:8}{side:16}"
            for key, digits in (("seconds", 3), ("megabytes", 0)):
                ratio = f"{figure[key] / peer[key]:.2f}" if figure and peer else "-"
                line += f"{figure[key]:>{9 + (not digits)}.{digits}f}{ratio:>9}" if figure else f"{'-':>9}{'-':>9}"
            print(line, flush=True)
        figures[what] = found
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


def _sides(text: str) -> tuple[int, ...]:
    return tuple(int(side) for side in text.split(","))


def _in_a_process(what: str, side: str, options) -> dict | None:
    threads = str(options.threads)
    environment = {
        **os.environ,
        "KERAS_BACKEND": "tensorflow",
        "OMP_NUM_THREADS": threads,
        "TF_NUM_INTRAOP_THREADS": threads,
        "TF_NUM_INTEROP_THREADS": threads,
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    command = [sys.executable, __file__, "--measure", what, side]
    for name in ("norm", "threads", "repeats", "overlap", "batch"):
        command += [f"--{name}", str(getattr(options, name))]
    for name in ("patch", "scan", "window"):
        command += [f"--{name}", ",".join(map(str, getattr(options, name)))]
    run = subprocess.run(command + ["--bf16"] * options.bf16, env=environment, capture_output=True, text=True)
    if run.returncode:
        if "ModuleNotFoundError" in run.stderr and side.startswith("monai"):
            return None
        sys.exit(f"{what} {side} failed:\n{run.stderr[-2000:]}")
    return json.loads(run.stdout.splitlines()[-1])


def _keras(what: str, side: str, options) -> dict:
    import keras
    import tensorflow as tf

    from tfcovid.inference.sliding_window import sliding_window
    from tfcovid.networks import StridedUNet3DVariant, UNet3DVariant, fold, strided_unet3d, unet3d

    if options.bf16:
        keras.config.set_dtype_policy("mixed_bfloat16")
    shape = (*(options.window if what == "scan" else options.patch), 1)
    if side == "unet3d":
        network = unet3d(2, shape, UNet3DVariant(WIDTHS), activation=None)
    else:
        network = strided_unet3d(2, shape, StridedUNet3DVariant(WIDTHS, options.norm), activation=None)
    if what == "train":
        network.compile(
            keras.optimizers.SGD(1e-3, 0.9),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            jit_compile=False,
        )
        x, y = np.zeros((1, *shape), "float32"), np.zeros((1, *shape[:3]), "int32")
        return _measured(lambda: network.train_on_batch(x, y), options.repeats)
    if side != "not folded":
        network = fold(network)

    @tf.function(jit_compile=False)
    def forward(hu):
        x = tf.clip_by_value((tf.cast(hu, "float32")[..., tf.newaxis] - LOW) / (HIGH - LOW), 0, 1)
        return network(x, training=False)

    if what == "patch":
        x = np.zeros((1, *options.patch), "int16")
        return _measured(lambda: forward(x).numpy(), options.repeats)
    scan = _scan(options.scan)

    def segment():
        masks = np.empty(scan.shape, "uint8")
        slabs = sliding_window(
            scan, options.window, lambda windows, _: forward(windows), 2, overlap=options.overlap, batch=options.batch
        )
        done = 0
        for slab in slabs:
            masks[done : done + len(slab)] = slab.argmax(-1)
            done += len(slab)
        return masks

    return _measured(segment, options.repeats, lambda: forward(np.zeros((options.batch, *options.window), "int16")))


def _torch(what: str, side: str, options) -> dict:
    import torch
    from monai.inferers import sliding_window_inference
    from monai.networks.nets import UNet

    torch.set_num_threads(options.threads)
    network = UNet(3, 1, 2, WIDTHS, (2, 2, 2), num_res_units=2, norm=options.norm)
    network = network.to(memory_format=torch.channels_last_3d).train(what == "train")
    precision = {"device_type": "cpu", "dtype": torch.bfloat16, "enabled": options.bf16}
    if what == "train":
        x = torch.zeros(1, 1, *options.patch).to(memory_format=torch.channels_last_3d)
        y = torch.zeros((1, *options.patch), dtype=torch.long)
        optimizer = torch.optim.SGD(network.parameters(), 1e-3, 0.9)

        def step():
            with torch.autocast(**precision):
                loss = torch.nn.functional.cross_entropy(network(x).float(), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

        return _measured(step, options.repeats)

    def scaled(hu):
        return torch.from_numpy(hu).float().sub_(LOW).div_(HIGH - LOW).clamp_(0, 1)

    def forward(hu):
        with torch.inference_mode(), torch.autocast(**precision):
            return network(scaled(hu)[:, None].to(memory_format=torch.channels_last_3d)).float().numpy()

    if what == "patch":
        x = np.zeros((1, *options.patch), "int16")
        return _measured(lambda: forward(x), options.repeats)
    scan = _scan(options.scan)
    buffer = {"buffer_steps": 1, "buffer_dim": 0} if side == "monai buffered" else {}

    def segment():
        with torch.inference_mode(), torch.autocast(**precision):
            logits = sliding_window_inference(
                scaled(scan)[None, None],
                options.window,
                options.batch,
                lambda windows: network(windows.to(memory_format=torch.channels_last_3d)).float(),
                overlap=options.overlap,
                mode="gaussian",
                **buffer,
            )
            return logits.argmax(1).to(torch.uint8).numpy()[0]

    return _measured(segment, options.repeats, lambda: forward(np.zeros((options.batch, *options.window), "int16")))


def _scan(shape: tuple) -> np.ndarray:
    return np.random.default_rng(0).integers(-1024, 400, shape, "int16")


def _measured(run: Callable, repeats: int, warm_up: Callable | None = None) -> dict:
    before = _held()
    (warm_up or run)()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": min(seconds), "megabytes": most - before}


def _held() -> float:
    """MB that the process holds now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
