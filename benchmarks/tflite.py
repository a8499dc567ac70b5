"""Networks as TFLite files in every precision: size, time a slice, and how far they are from Keras.

    python benchmarks/tflite.py networks [NETWORK ...] --size 128
    python benchmarks/tflite.py bundle demo MANIFEST [SCAN]
    python benchmarks/tflite.py bundle covid_ct MANIFEST

"networks": the 2-D networks of the project with random weights and norms that fit phantom slices, which is no trained
network: differences say that a file runs, and how rounding adds up, not what it does to a diagnosis. "bundle": what
`tfcovid export BUNDLE --to tflite` says of a trained one, with the AUC on the scans of the manifest that did not train.
Each file runs in a process of its own in LiteRT; the best of five runs or more counts.
"""

import argparse
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

NETWORKS = {
    "resnet50": lambda n, shape: n.resnet(2, shape, "resnet50"),
    "densenet121": lambda n, shape: n.densenet(2, shape, "densenet121"),
    "efficientnet_b4": lambda n, shape: n.efficientnet(2, shape, "efficientnet_b4"),
    "eca_nfnet_l0": lambda n, shape: n.eca_nfnet(2, shape, "eca_nfnet_l0"),
    "res_dense": lambda n, shape: n.res_dense(2, shape),
    "m3lung_slice": lambda n, shape: n.m3lung_slice(4, shape),
    "eff_mix_conv": lambda n, shape: n.eff_mix_conv(2, shape),
    "attention_unet": lambda n, shape: n.attention_unet(1, shape),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    networks = commands.add_parser("networks")
    networks.add_argument("networks", nargs="*", metavar="NETWORK", help=", ".join(NETWORKS))
    networks.add_argument("--size", type=int, default=128, help="side of a slice, a multiple of 32")
    networks.add_argument("--threads", type=int, default=os.cpu_count())
    bundle = commands.add_parser("bundle")
    bundle.add_argument("bundle")
    bundle.add_argument("manifest")
    bundle.add_argument("scan", nargs="?", help="a scan to compare on; a phantom without")
    options = parser.parse_args()
    if options.command == "bundle":
        _bundle(options.bundle, options.manifest, options.scan)
    else:
        unknown = set(options.networks) - set(NETWORKS)
        if unknown:
            parser.error(f"no such network: {', '.join(sorted(unknown))}")
        _networks(options.networks or list(NETWORKS), options.size, options.threads)


def _bundle(name: str, manifest: str, scan: str | None) -> None:
    from tfcovid.data import read_manifest
    from tfcovid.export.edge_table import edge_table
    from tfcovid.export.evidence import Evidence
    from tfcovid.export.write_tflite import write_tflite
    from tfcovid.inference import load
    from tfcovid.scans import read_scan

    evidence = Evidence.gather(scan and read_scan(scan), read_manifest(manifest))
    with TemporaryDirectory() as folder:
        facts = write_tflite(load(name), Path(folder), evidence, progress=True)
    print("\n".join(edge_table(facts["table"])))
    print(f"{facts['threads']} threads; AUC of the bundle {facts['auc']['bundle']:.4f}")


def _networks(names: list[str], size: int, threads: int) -> None:
    import tfcovid.networks as n
    from tfcovid.export.edge_table import edge_table
    from tfcovid.phantom import make_phantom
    from tfcovid.preprocess import crop_resize, window

    hu = np.concatenate([make_phantom("covid", seed=seed, shape=(12, 160, 160)).hu for seed in range(4)])
    boxes = np.tile(np.int32([0, 0, *hu.shape[1:]]), (len(hu), 1))
    slices = window(crop_resize(hu, boxes, size))[..., np.newaxis]
    rows = []
    for name in names:
        rows += _rows(name, NETWORKS[name](n, (size, size, 1)), slices, threads)
        print("\n".join(edge_table(rows)) + "\n", flush=True)


def _rows(name: str, network, slices: np.ndarray, threads: int) -> list[dict]:
    import keras

    from tfcovid.explain.with_map import with_map
    from tfcovid.export.edge_process import EdgeProcess
    from tfcovid.export.tflite_convert import PRECISIONS, tflite_convert
    from tfcovid.inference.runtime.save_frozen import save_frozen

    for layer in network._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    network(slices[:8], training=True)
    levels = keras.Input(batch_shape=(1, *slices.shape[1:]), name="levels")
    seen = (network if name == "attention_unet" else with_map(network))(levels, training=False)
    outputs = seen if isinstance(seen, dict) else {"disease": seen}
    model = keras.Model(levels, {"disease": outputs["disease"]})
    expected = np.concatenate([model.predict_on_batch(one[np.newaxis])["disease"] for one in slices[:8]])
    rows = []
    with TemporaryDirectory() as folder:
        save_frozen(keras.Model(levels, outputs), Path(folder) / "saved")
        for precision in PRECISIONS:
            file = Path(folder) / f"{precision}.tflite"
            file.write_bytes(tflite_convert(Path(folder) / "saved", precision, slices))
            with EdgeProcess(file, threads) as run:
                found = run({"levels": slices[:8]})["disease"]
            row = {"network": name, "precision": precision, "megabytes": file.stat().st_size / 1e6}
            rows.append({**row, "milliseconds": run.milliseconds, "difference": float(np.abs(found - expected).max())})
    return rows


if __name__ == "__main__":
    main()
