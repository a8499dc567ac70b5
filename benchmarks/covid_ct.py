"""Trains the 2-D classifiers on COVID-CT, on CPUs in minutes each, and prints a table of their figures.

    python benchmarks/covid_ct.py COVID-CT [SARS-COV-2-CT] -o OUT

COVID-CT is the data set with its official lists; its validation images are what is scored, as its test images are what
others publish figures on. configs/covid_ct.yaml starts from ImageNet and is trained with three seeds. The others start
at random: the papers' networks, not their recipes, at 128 x 128 pixels, a few epochs and one learning rate, and a
small ResNet. Given the SARS-CoV-2 CT slices, this one is also trained on them first, four times, and the four joined.
Bundles that are there are kept: run it again to go on.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

COMMON = (
    "labels=[non-covid,covid]",
    "crop.size=[128,128]",
    "eight_bit={center: -600, width: 1500}",
    "slice_net.weights=null",
    "slice_training.batch=16",
    "slice_training.learning_rate=0.001",
    "slice_training.optimizer=adam",
    "slice_training.drop=null",
    "slice_training.cosine={warm_up: 1}",
    "slice_training.keep=last",
)
# Single images: no slices to select, and nothing to join.
SINGLE = ("selection.method=all", "crop.method=none", "patient_net.kind=mean")
# Config -> epochs and what else differs from it.
RUNS = {
    "m3lung": (12, ("slice_net.backbone=resnet18", "patient_net.kind=mean")),
    "res_unet3d": (10, ()),
    "attn_crop": (5, ()),
    "ssfl": (5, SINGLE),
    "res_dense": (4, ("slice_net.backbones=[resnet50,densenet121]", "slice_training.phases=[]")),
    "eff_mix_conv_e": (5, SINGLE),
}
# A ResNet of 0.3 M weights, from scratch.
COMPACT = (
    "crop.size=[128,128]",
    "slice_net={kind: classifier, variant: resnet10_compact}",
    "slice_training.epochs=60",
    "slice_training.batch=32",
    "slice_training.learning_rate=0.0005",
    "slice_training.cosine.warm_up=3",
    "slice_training.weight_decay=0.02",
    "slice_training.ema=0.99",
    "slice_training.label_smoothing=0.1",
    "slice_training.augmentation={flip: horizontal, rotation: 15, scale: 0.2, shear: 5, translation: 0.1, "
    "brightness: 0.15, contrast: 0.25, gamma: 0.3, noise: 0.03}",
)
NETWORKS = {
    "m3lung": "M3Lung-Sys slice network, ResNet-18",
    "res_unet3d": "ResNet-50",
    "attn_crop": "EfficientNet-B4",
    "ssfl": "ECA-NFNet-L0",
    "res_dense": "Res-Dense, ResNet-50 and DenseNet-121",
    "eff_mix_conv_e": "EfficientNet-B3, timm's, with an embedding",
    "compact": "ResNet-10 of 0.3 M weights",
    "compact_started": "the same, from SARS-CoV-2 CT slices, four seeds joined",
    "covid_ct": "EfficientNet-Lite1 from ImageNet, 240 x 240, as it ships",
    "covid_ct_1": "the same, seed 1",
    "covid_ct_2": "the same, seed 2",
}
SEEDS = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("covid_ct", type=Path)
    parser.add_argument("sars_cov_2_ct", type=Path, nargs="?")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--only", nargs="*", choices=NETWORKS, help="These rows alone.")
    options = parser.parse_args()
    out, wanted = options.output, options.only or list(NETWORKS)
    out.mkdir(parents=True, exist_ok=True)
    manifest = out / "covid_ct.csv"
    tfcovid("index", options.covid_ct, "--layout", "covid-ct", "-o", manifest)
    for name, (epochs, changes) in RUNS.items():
        if name in wanted:
            train(out, name, name, manifest, *COMMON, f"slice_training.epochs={epochs}", *changes)
    if "compact" in wanted:
        train(out, "compact", "covid_ct", manifest, *COMPACT)
    for seed, name in enumerate(("covid_ct", "covid_ct_1", "covid_ct_2")):
        if name in wanted:
            train(out, name, "covid_ct", manifest, f"seed={seed}")
    if "compact_started" in wanted and options.sars_cov_2_ct:
        started(out, manifest, options.sars_cov_2_ct)
    print_table(out)


def started(out: Path, manifest: Path, slices: Path) -> None:
    """Each member goes through both runs with a seed of its own: the first matters as much as the second."""
    start_manifest = out / "sars_cov_2_ct.csv"
    tfcovid("index", slices, "--layout", "sars-cov-2-ct", "-o", start_manifest, "--split", "0.9,0.1")
    for n in range(SEEDS):
        longer = ("slice_training.epochs=30", "slice_training.learning_rate=0.001")
        train(out, f"start{n}", "covid_ct", start_manifest, *COMPACT, *longer, f"seed={n}")
        started = f"slice_net.weights={out / f'start{n}'}"
        train(out, f"member{n}", "covid_ct", manifest, *COMPACT, started, f"seed={n}")
    if not (out / "compact_started").exists():
        tfcovid("ensemble", *(out / f"member{n}" for n in range(SEEDS)), "-o", out / "compact_started")


def train(out: Path, bundle: str, config: str, manifest: Path, *settings: str) -> None:
    if not (out / bundle).exists():
        changes = [part for setting in settings for part in ("--set", setting)]
        tfcovid("train", config, manifest, "-o", out / bundle, "--store", out / "store", *changes)


def tfcovid(*words: str | Path) -> None:
    done = subprocess.run([Path(sys.executable).with_name("tfcovid"), *map(str, words)])
    if done.returncode:
        raise SystemExit(done.returncode)  # tfcovid has said why


def print_table(out: Path) -> None:
    print("| network | epochs | minutes | accuracy | macro-F1 | AUC |")
    print("|---|---|---|---|---|---|")
    for name, network in NETWORKS.items():
        rows = [name] if name != "compact_started" else [*(f"member{n}" for n in range(SEEDS)), name]
        for row in (one for one in rows if (out / one / "bundle.json").is_file()):
            found = json.loads((out / row / "bundle.json").read_text(encoding="utf-8"))["validation_scans"]
            epochs, minutes = "", ""
            if (out / row / "run.json").is_file():  # an ensemble has none
                run = json.loads((out / row / "run.json").read_text(encoding="utf-8"))
                epochs = run["config"]["slice_training"]["epochs"]
                minutes = f"{run['timings_s']['slice'] / 60:.0f}"
            figures = " | ".join(
                f"{value:.3f} [{low:.3f}, {high:.3f}]"
                for value, low, high in (found[key] for key in ("accuracy", "macro_f1", "auc_covid"))
            )
            label = network if row == name else f"one of the next row, seed {row[-1]}"
            print(f"| {label} | {epochs} | {minutes} | {figures} |")


if __name__ == "__main__":
    main()
