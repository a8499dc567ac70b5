"""Networks as TFLite files in every precision: size, time a slice, how far they are from Keras, and their AUC.

    python benchmarks/tflite.py networks [NETWORK ...] --size 128
    python benchmarks/tflite.py bundle demo MANIFEST [SCAN]
    python benchmarks/tflite.py bundle covid_ct MANIFEST

"networks": the 2-D networks of the project, trained from scratch (on EfficientNet-Lite from ImageNet) for some epochs
to tell slices of phantoms with a lesion from others (the Attention U-Nets: to outline lungs), and asked about slices of
other phantoms: what is left in each precision of a network that has learnt something, not how good it is on patients.
"bundle": what `tfcovid export BUNDLE --to tflite` says of a trained one, with the AUC on the scans of the manifest that
did not train. Each file runs in a process of its own in LiteRT; the best of five runs or more counts.
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
    "efficientnet_lite0": lambda n, shape: n.efficientnet(2, shape, "efficientnet_lite0", weights="imagenet"),
    "eca_nfnet_l0": lambda n, shape: n.eca_nfnet(2, shape, "eca_nfnet_l0"),
    "res_dense": lambda n, shape: n.res_dense(2, shape),
    "m3lung_slice": lambda n, shape: n.m3lung_slice(4, shape),
    "eff_mix_conv": lambda n, shape: n.eff_mix_conv(2, shape),
    "attention_unet": lambda n, shape: n.attention_unet(1, shape),
    "attention_unet_lite0": lambda n, shape: n.attention_unet(1, shape, "attention_unet_lite0", weights="imagenet"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    networks = commands.add_parser("networks")
    networks.add_argument("networks", nargs="*", metavar="NETWORK", help=", ".join(NETWORKS))
    networks.add_argument("--size", type=int, default=128, help="side of a slice, a multiple of 32")
    networks.add_argument("--epochs", type=int, default=8)
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
        _networks(options.networks or list(NETWORKS), options.size, options.epochs, options.threads)


def _bundle(name: str, manifest: str, scan: str | None) -> None:
    from tfcovid.data import read_manifest
    from tfcovid.export.edge_table import edge_table
    from tfcovid.export.evidence import Evidence
    from tfcovid.export.write_tflite import write_tflite
    from tfcovid.inference import load
    from tfcovid.scans import read_scan

    evidence = Evidence.gather(scan and read_scan(scan), read_manifest(manifest))
    with TemporaryDirectory() as folder:
        facts = write_tflite(load(name), Path(folder), evidence, tolerance=1.0, progress=True)
    print("\n".join(edge_table(facts["table"])))
    print(f"{facts['threads']} threads; AUC of the bundle {facts['auc']['bundle']:.4f}")


def _networks(names: list[str], size: int, epochs: int, threads: int) -> None:
    import keras

    import tfcovid.networks as n
    from tfcovid.export.edge_table import edge_table

    train, test, rows = _slices(range(16), size), _slices(range(100, 116), size), []
    print(f"trained on {len(train[0])} slices, {train[1].mean():.0%} with a lesion; asked about {len(test[0])} others")
    for name in names:
        keras.utils.set_random_seed(0)
        network, of_lungs = NETWORKS[name](n, (size, size, 1)), name.startswith("attention_unet")
        _fit(network, train[0], train[2] if of_lungs else train[1], epochs)
        rows += _rows(name, network, train[0], test[0], test[2] if of_lungs else test[1], threads)
        print("\n".join(edge_table(rows)) + "\n", flush=True)


def _slices(seeds: range, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Levels `(slices, size, size, 1)` in [0, 1], which slices show a lesion, and their lungs as levels are, 0 or 1."""
    from tfcovid.phantom import make_phantom
    from tfcovid.preprocess import crop_resize, window

    made = [make_phantom(("covid", "healthy")[seed % 4 == 3], seed=seed, shape=(16, 160, 160)) for seed in seeds]
    hu, lungs = (np.concatenate([getattr(one, name) for one in made]) for name in ("hu", "lungs"))
    ill = np.concatenate([one.lesions.any(axis=(1, 2)) for one in made])
    boxes = np.tile(np.int32([0, 0, *hu.shape[1:]]), (len(hu), 1))
    levels = window(crop_resize(hu, boxes, size))
    return levels[..., None], ill.astype(np.int32), (crop_resize(lungs, boxes, size, labels=True) > 0)[..., None]


def _fit(network, slices: np.ndarray, truth: np.ndarray, epochs: int) -> None:
    import keras

    for layer in network._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.9  # for so few steps
    output = network.output["disease"] if isinstance(network.output, dict) else network.output
    model = keras.Model(network.input, output)
    loss = "binary_crossentropy" if truth.ndim > 1 else "sparse_categorical_crossentropy"
    model.compile(keras.optimizers.Adam(3e-4), loss)
    model.fit(slices, truth, batch_size=16, epochs=epochs, verbose=0)


def _rows(name: str, network, train: np.ndarray, slices: np.ndarray, truth: np.ndarray, threads: int) -> list[dict]:
    import keras
    from sklearn.metrics import roc_auc_score

    from tfcovid.explain.with_map import with_map
    from tfcovid.export.edge_process import EdgeProcess
    from tfcovid.export.tflite_convert import PRECISIONS, tflite_convert
    from tfcovid.inference.runtime.save_frozen import save_frozen

    def auc(found: np.ndarray) -> float:
        return roc_auc_score(truth.ravel(), (found if truth.ndim > 1 else 1 - found[:, 0]).ravel())

    levels = keras.Input(batch_shape=(1, *slices.shape[1:]), name="levels")
    seen = (network if truth.ndim > 1 else with_map(network))(levels, training=False)
    outputs = seen if isinstance(seen, dict) else {"disease": seen}
    model = keras.Model(levels, {"disease": outputs["disease"]})
    expected = np.concatenate([model.predict_on_batch(one[np.newaxis])["disease"] for one in slices])
    rows = [{"network": name, "precision": "Keras", "auc": auc(expected)}]
    with TemporaryDirectory() as folder:
        save_frozen(keras.Model(levels, outputs), Path(folder) / "saved")
        for precision in PRECISIONS:
            file = Path(folder) / f"{precision}.tflite"
            file.write_bytes(tflite_convert(Path(folder) / "saved", precision, train[::8]))
            with EdgeProcess(file, threads) as run:
                found = run({"levels": slices})["disease"]
            row = {"network": name, "precision": precision, "megabytes": file.stat().st_size / 1e6}
            row |= {"milliseconds": run.milliseconds, "difference": float(np.abs(found - expected).max())}
            rows.append({**row, "auc": auc(found), "auc_change": auc(found) - auc(expected)})
    return rows


if __name__ == "__main__":
    main()
