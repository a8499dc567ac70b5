"""Parameters, multiply-adds, speed and memory of every network, beside the same architecture in PyTorch.

    python benchmarks/networks.py [NETWORK ...] [--bf16] [--compile] [--train] [--threads 2] [--json FILE]

Each side runs in a process of its own, with the same batch, threads and precision, Keras first and then PyTorch, in
turns: the best of `--repeats` batches counts. PyTorch runs channels last under `torch.inference_mode`. Memory is the
most the process ever held, less what it held before the network was built. Without PyTorch, timm or MONAI (the extra
`parity`) their columns stay empty.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Row:
    shape: tuple[int, ...]  # of one sample for Keras, channels last
    batch: int
    build: Callable  # (tfcovid.networks, shape) -> the network
    peer: Callable  # (benchmarks/torch_networks.py) -> the same in PyTorch
    peer_channels: int = 3  # PyTorch's classifiers of slices get three; Keras repeats one inside
    labels: int | None = None  # of a segmenting network


# Input sizes and batches of the papers where a processor bears them. Logits on both sides, but for M3Lung-Sys.
_LOGITS = {"activation": None}
ROWS = {
    "res_dense": Row((256, 256, 3), 8, lambda n, shape: n.res_dense(2, shape, **_LOGITS), lambda t: t.ResDense(2)),
    "eca_nfnet_l0": Row(
        (384, 384, 1), 8, lambda n, shape: n.eca_nfnet(2, shape, **_LOGITS), lambda t: t.timm_network("eca_nfnet_l0", 2)
    ),
    "eca_nfnet_l0 fused": Row(
        (384, 384, 1),
        8,
        lambda n, shape: n.fuse(n.eca_nfnet(2, shape, **_LOGITS)),
        lambda t: t.timm_network("eca_nfnet_l0", 2),
    ),
    "eff_mix_conv": Row(
        (256, 256, 1), 16, lambda n, shape: n.eff_mix_conv(2, shape, **_LOGITS), lambda t: t.EffMixConv(2)
    ),
    "m3lung_slice": Row((512, 512, 1), 4, lambda n, shape: n.m3lung_slice(4, shape), lambda t: t.M3LungSlice(4)),
    "attention_unet": Row(
        (256, 256, 1), 8, lambda n, shape: n.attention_unet(1, shape, **_LOGITS), lambda t: t.AttentionUNet(1), 1, 1
    ),
    "efficientnet_b4": Row(
        (256, 256, 1),
        8,
        lambda n, shape: n.efficientnet(2, shape, "efficientnet_b4_timm", **_LOGITS),
        lambda t: t.timm_network("efficientnet_b4", 2),
    ),
    "resnet50": Row(
        (224, 224, 1),
        16,
        lambda n, shape: n.resnet(3, shape, "resnet50_timm", **_LOGITS),
        lambda t: t.timm_network("resnet50", 3),
    ),
    "unet3d": Row(
        (116, 132, 132, 3),
        1,
        lambda n, shape: n.unet3d(2, shape, padding="valid", **_LOGITS),
        lambda t: t.unet3d(2),
        labels=2,
    ),
    "resnet3d18": Row(
        (64, 128, 128, 1), 2, lambda n, shape: n.resnet3d(4, shape, **_LOGITS), lambda t: t.resnet3d(4), 1
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=f"of {', '.join(ROWS)}")
    parser.add_argument("--train", action="store_true", help="time a training step as well")
    parser.add_argument("--bf16", action="store_true", help="mixed bfloat16 on both sides")
    parser.add_argument("--compile", action="store_true", help="torch.compile on PyTorch's side, XLA on Keras's")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, help="keep the figures here")
    parser.add_argument("--measure", nargs=2, metavar=("SIDE", "WHAT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    unknown = [name for name in options.networks if name not in ROWS]
    if unknown:
        parser.error(f"no network {unknown[0]}; there are {', '.join(ROWS)}")
    if options.measure:
        side, what = options.measure
        measure = _measure_keras if side == "keras" else _measure_torch
        print(json.dumps(measure(ROWS[options.networks[0]], what, options)))
        return

    figures = {}
    header = f"{'network':20}{'params':>12}{'GMACs':>8}{'batch':>6}   what     {'Keras':>9}{'PyTorch':>9}{'ratio':>7}"
    print(header + f"{'MB Keras':>10}{'PyTorch':>9}")
    for name in options.networks or ROWS:
        for what in ("forward", "train") if options.train and "fused" not in name else ("forward",):
            ours, theirs = (_in_a_process(name, side, what, options) for side in ("keras", "torch"))
            figures[f"{name} {what}"] = {"keras": ours, "torch": theirs}
            line = f"{name:20}{ours['parameters']:12,}{ours['gmacs']:8.2f}{ROWS[name].batch:6}   {what:8}"
            line += f"{ours['per_second']:8.2f}/s"
            if theirs:
                ratio = ours["per_second"] / theirs["per_second"]
                line += (
                    f"{theirs['per_second']:7.2f}/s{ratio:7.2f}{ours['megabytes']:10,.0f}{theirs['megabytes']:9,.0f}"
                )
            else:
                line += f"{'-':>9}{'-':>7}{ours['megabytes']:10,.0f}{'-':>9}"
            print(line, flush=True)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


def _in_a_process(name: str, side: str, what: str, options) -> dict | None:
    threads = str(options.threads)
    environment = {
        **os.environ,
        "KERAS_BACKEND": os.environ.get("KERAS_BACKEND", "tensorflow"),
        "OMP_NUM_THREADS": threads,
        "TF_NUM_INTRAOP_THREADS": threads,
        "TF_NUM_INTEROP_THREADS": threads,
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    command = [sys.executable, __file__, name, "--measure", side, what, "--threads", threads]
    command += ["--repeats", str(options.repeats)]
    command += [flag for flag in ("--bf16", "--compile") if getattr(options, flag[2:])]
    run = subprocess.run(command, env=environment, capture_output=True, text=True)
    if run.returncode:
        if side == "torch" and "ModuleNotFoundError" in run.stderr:
            return None
        sys.exit(f"{name} {side} {what} failed:\n{run.stderr[-2000:]}")
    return json.loads(run.stdout.splitlines()[-1])


def _measure_keras(row: Row, what: str, options) -> dict:
    import keras
    import numpy as np

    import tfcovid.networks as networks

    if options.bf16:
        keras.config.set_dtype_policy("mixed_bfloat16")
    before = _megabytes()
    network = row.build(networks, row.shape)
    x = np.random.default_rng(0).uniform(size=(row.batch, *row.shape)).astype("float32")
    target = keras.tree.map_structure(lambda output: _target(row, output), network.output)
    if isinstance(target, dict):
        network = keras.Model(network.input, {name: network.output[name] for name in ("disease", "lesion")})
        target = {name: target[name] for name in ("disease", "lesion")}
    segments = row.labels == 1
    loss = (
        keras.losses.BinaryCrossentropy(from_logits=True)
        if segments
        else keras.losses.SparseCategoricalCrossentropy(from_logits=not isinstance(target, dict))
    )
    losses = dict.fromkeys(target, loss) if isinstance(target, dict) else loss
    network.compile(keras.optimizers.SGD(1e-3, 0.9), losses, jit_compile=options.compile)
    run = (lambda: network.predict_on_batch(x)) if what == "forward" else (lambda: network.train_on_batch(x, target))
    return {
        "per_second": row.batch / _best(run, options.repeats),
        "megabytes": _megabytes() - before,
        "parameters": network.count_params(),
        "gmacs": _gmacs(network),
    }


def _target(row: Row, output):
    import numpy as np

    if row.labels:
        sides = output.shape[1:-1] + ((1,) if row.labels == 1 else ())
        return np.zeros((row.batch, *sides), "int32")
    return np.zeros(row.batch, "int32")


def _measure_torch(row: Row, what: str, options) -> dict:
    import torch

    sys.path.insert(0, str(Path(__file__).parent))
    import torch_networks

    torch.set_num_threads(options.threads)
    before = _megabytes()
    network = row.peer(torch_networks)
    layout = torch.channels_last if len(row.shape) == 3 else torch.channels_last_3d
    network = network.to(memory_format=layout).train(what == "train")
    x = torch.rand(row.batch, row.peer_channels, *row.shape[:-1]).to(memory_format=layout)
    optimizer = torch.optim.SGD(network.parameters(), 1e-3, 0.9)
    if options.compile:
        network = torch.compile(network)

    def loss(outputs):
        if row.labels == 1:
            return torch.nn.functional.binary_cross_entropy_with_logits(outputs, torch.zeros_like(outputs))
        target = torch.zeros((row.batch, *outputs.shape[2:]), dtype=torch.long)
        return torch.nn.functional.cross_entropy(outputs, target)

    def step():
        with torch.autocast("cpu", torch.bfloat16, enabled=options.bf16):
            total = loss(network(x).float())
        optimizer.zero_grad()
        total.backward()
        optimizer.step()

    def forward():
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=options.bf16):
            network(x)

    seconds = _best(forward if what == "forward" else step, options.repeats)
    return {"per_second": row.batch / seconds, "megabytes": _megabytes() - before}


def _best(run, repeats: int) -> float:
    """Seconds of the fastest run, after two that trace, compile and warm up."""
    times = []
    for i in range(repeats + 2):
        start = time.perf_counter()
        run()
        if i >= 2:
            times.append(time.perf_counter() - start)
    return min(times)


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _gmacs(network) -> float:
    """Multiply-adds of the convolutions and dense layers for one sample, in 10^9; those inside gates are left out."""
    import keras
    import numpy as np

    total = 0
    for layer in network.layers:
        kernel = getattr(layer, "kernel", None)
        if isinstance(layer, keras.Model):
            # It takes any sides; here it sees those of the network it is in.
            sides = keras.Input((*network.input_shape[1:-1], layer.input_shape[-1]))
            total += 1e9 * _gmacs(keras.models.clone_model(layer, input_tensors=sides))
        elif kernel is not None and len(kernel.shape) > 1:
            tensor = layer.input if "Transpose" in type(layer).__name__ else layer.output
            total += np.prod(tensor.shape[1:-1], dtype=float) * np.prod(kernel.shape, dtype=float)
    return total / 1e9


if __name__ == "__main__":
    main()
