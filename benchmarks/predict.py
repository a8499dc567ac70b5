"""The whole of `tfcovid predict` on each runtime, step by step, beside PyTorch on the same slice network.

    python benchmarks/predict.py BUNDLE SERIES [--runtimes keras openvino litert] [--repeats 3]
    python benchmarks/predict.py --config m3lung --set slice_net.backbone=resnet50 --set crop.size=[256,256] SERIES

Every measurement is a process of its own, the runtimes in turns; the best of `--repeats` counts. "command" is all of
`tfcovid predict`, which reads the scan while it loads the bundle; the steps before it are taken one after the other.
A bundle is compiled before the clock starts. With `--config` the networks are untrained, and no slower. PyTorch runs a
network of the same family and size under `torch.compile` on as many slices and windows, in float32 and, where the
processor has it, bfloat16; without PyTorch and timm that column is empty.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

STEPS = ("imports", "load", "read", "crop", "networks", "save")
_PEERS = {"m3lung": "backbone", "classifier": "variant"}  # kind of slice network -> the name of its network


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", nargs="?", help="a bundle; without it --config makes one")
    parser.add_argument("series", type=Path)
    parser.add_argument("--config", help="make an untrained bundle of this config")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of --config")
    parser.add_argument("--runtimes", nargs="+", default=["keras", "openvino", "litert"])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--measure", nargs=2, metavar=("RUNTIME", "OUT"), help=argparse.SUPPRESS)
    parser.add_argument("--torch", nargs=3, metavar=("NAME", "SHAPE", "BFLOAT16"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(_steps(options.bundle, options.series, *options.measure)))
        return
    if options.torch:
        print(json.dumps(_torch(*options.torch)))
        return
    if (options.bundle is None) == (options.config is None):
        parser.error("give BUNDLE and SERIES, or --config and SERIES")
    with TemporaryDirectory() as work:
        bundle = options.bundle or _untrained(options.config, options.set, Path(work))
        _compare(bundle, options, Path(work))


def _compare(bundle: str, options, work: Path) -> None:
    from tfcovid.inference import load
    from tfcovid.inference.runtime.choose_runtime import choose_runtime

    for name in options.runtimes:  # compiled before the clock starts
        load(bundle, choose_runtime(name))
    found: dict[str, dict] = {}
    for turn in range(options.repeats):
        for name in options.runtimes:
            out = work / f"{name}{turn}"
            command = [sys.executable, __file__, bundle, str(options.series), "--measure", name, str(out)]
            told = _run(command)
            predict = ["-c", "from tfcovid.cli import main; main()", "predict", bundle, str(options.series)]
            started = time.perf_counter()
            _run([sys.executable, *predict, "-o", f"{out}_command", "--runtime", name], told=False)
            told["command"] = time.perf_counter() - started
            if name not in found or told["command"] < found[name]["command"]:
                found[name] = told
    slices = found[options.runtimes[0]]["slices"]
    print(f"{slices} slices, seconds, the best of {options.repeats}; {os.cpu_count()} cores")
    print(f"{'':12}" + "".join(f"{name:>10}" for name in found))
    for step in (*STEPS, "command"):
        print(f"{step:12}" + "".join(f"{one[step]:10.2f}" for one in found.values()))
    print(f"{'precision':12}" + "".join(f"{one['precision']:>10}" for one in found.values()))
    first = found[options.runtimes[0]]
    for name, one in list(found.items())[1:]:
        apart = max(abs(a - b) for a, b in zip(first["probabilities"], one["probabilities"], strict=True))
        print(
            f"{name}: {first['command'] / one['command']:.1f} times as fast as {options.runtimes[0]}, the networks "
            f"alone {first['networks'] / one['networks']:.1f} times; class probabilities within {apart:.1g}"
        )
    _beside_torch(bundle, found)


def _beside_torch(bundle: str, found: dict[str, dict]) -> None:
    from tfcovid.inference import load

    system = load(bundle)
    member = next(iter(system.members.values())) if hasattr(system, "members") else system
    settings = member.config.slice_net
    name = getattr(settings, _PEERS.get(settings.kind, ""), None)
    shape = json.dumps([*member.config.crop.size, len(member.config.window.predict)])
    for bfloat16 in ("0", "1"):
        told = name and _run([sys.executable, __file__, "-", "--torch", name, shape, bfloat16], may_fail=True)
        kind = "bfloat16" if bfloat16 == "1" else "float32"
        if not told:
            print(f"PyTorch compiled, {kind}: - (no PyTorch with timm here, no bfloat16, or no such network)")
            continue
        speeds = ", ".join(f"{runtime} {one['slices'] / one['networks']:.1f}" for runtime, one in found.items())
        print(f"slices/s of {name}: PyTorch compiled, {kind}, {told['slices_per_s']:.1f}; {speeds}")


def _run(command: list[str], may_fail: bool = False, told: bool = True) -> dict | None:
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace")
    if done.returncode:
        if may_fail:
            return None
        sys.exit(f"{' '.join(command[2:])} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1]) if told else None


def _steps(bundle: str, series: Path, runtime: str, out: str) -> dict:
    """What `tfcovid predict` does, one step after the other: it reads the scan while it loads the bundle."""
    clock = [time.perf_counter()]
    if runtime == "keras":
        from tfcovid.cli.quiet_tensorflow import quiet_tensorflow

        quiet_tensorflow()
        import tfcovid.networks  # noqa: F401
    from tfcovid.inference import load
    from tfcovid.scans import read_scan

    clock.append(time.perf_counter())
    system = load(bundle, runtime)
    clock.append(time.perf_counter())
    scan = read_scan(series)
    clock.append(time.perf_counter())
    diagnosis = system.predict(scan)
    clock.append(time.perf_counter())
    diagnosis.save(out)
    clock.append(time.perf_counter())
    imports, loading, reading, _, saving = (b - a for a, b in itertools.pairwise(clock))
    seconds = (imports, loading, reading, diagnosis.timings["crop"], diagnosis.timings["networks"], saving)
    return {
        **dict(zip(STEPS, seconds, strict=True)),
        "slices": len(diagnosis.slices.index),
        "precision": system.runtime["precision"],
        "probabilities": list(diagnosis.probabilities.values()),
    }


def _untrained(config: str, settings: list[str], work: Path) -> str:
    from tfcovid.cli.quiet_tensorflow import quiet_tensorflow

    quiet_tensorflow()
    import keras

    from tfcovid.config import load_config, write_config
    from tfcovid.training.patient_stage import patient_network
    from tfcovid.training.slice_network import slice_network

    folder = work / "bundle"
    folder.mkdir()
    keras.utils.set_random_seed(0)
    read = load_config(config, ["slice_net.weights=null", *settings])
    network = slice_network(read)
    network.save(folder / "slice.keras")
    if read.trains_patients:
        patient_network(read, network.output["features"].shape[-1]).save(folder / "patient.keras")
    write_config(read, folder / "config.yaml")
    facts = {"format": 1, "name": read.name, "labels": list(read.labels), "versions": {}}
    (folder / "bundle.json").write_text(json.dumps(facts), encoding="utf-8")
    return str(folder)


def _torch(name: str, shape: str, bfloat16: str) -> dict:
    import torch

    # Not by way of `torch_networks`: that imports TensorFlow, beside which some builds of PyTorch compile nothing.
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from tests.networks.timm_models import timm_library

    height, width, windows = json.loads(shape)
    wanted = torch.bfloat16 if bfloat16 == "1" else torch.float32
    if bfloat16 == "1" and not (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()):
        sys.exit("no bfloat16")
    network = timm_library().create_model(name.removesuffix("_timm"), num_classes=4).eval()
    network = network.to(memory_format=torch.channels_last)
    slices = 8
    seen = torch.rand(slices * windows, 3, height, width).to(memory_format=torch.channels_last)
    with torch.inference_mode(), torch.autocast("cpu", wanted, enabled=bfloat16 == "1"):
        run, best = torch.compile(network), float("inf")
        for _ in range(2):
            run(seen)
        for _ in range(5):
            started = time.perf_counter()
            run(seen)
            best = min(best, time.perf_counter() - started)
    return {"slices_per_s": slices / best}


if __name__ == "__main__":
    main()
