# %% [markdown]
# # Train a network with plain Keras
#
# **Research use only. Not a medical device; not for diagnosis or treatment.** The scans are phantoms: the figures below
# say that the parts go together, and nothing of patients.
#
# ```
# pip install -e '.[notebooks]'                    # in a copy of the repository
# jupyter execute notebooks/train_with_fit.ipynb   # or open it in VS Code or JupyterLab
# ```
#
# It takes about a minute on two cores. To tell diseases apart takes hundreds of phantoms and some minutes:
# `tfcovid demo`. A whole system, with its bundle and report, is one command:
# `tfcovid train CONFIG manifest.csv -o bundle`.

# %%
# %matplotlib inline
import os
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow: it tells of every GPU that is not there

import keras
import matplotlib.pyplot as plt
import numpy as np

from tfcovid import read_scan
from tfcovid.data import assign_splits, label_volume, write_manifest
from tfcovid.data.layouts import find_layout
from tfcovid.evaluation import mask_scores, summarise
from tfcovid.losses import DiceCrossEntropy
from tfcovid.metrics import MeanDice
from tfcovid.networks import AttentionUNetVariant, attention_unet
from tfcovid.phantom import write_cohort
from tfcovid.preprocess import air_lungs, body_mask, crop_resize, mask_boxes, paste, window

keras.utils.set_random_seed(0)
temporary = TemporaryDirectory()
work = Path(temporary.name)  # a folder of yours keeps what is written

# %% [markdown]
# ## A cohort, split by patient
#
# The layout "phantom" knows where a cohort of `write_cohort` has its masks; other layouts read public data sets as they
# lie on disk. All scans of a patient fall on one side: slices of one patient are alike, and figures of a split by slice
# are too good.

# %%
cohort = write_cohort(work / "cohort", patients=6, shape=(12, 112, 112), severity=(0.3, 1.0), format="nifti")
entries = assign_splits(find_layout("phantom")(cohort), {"train": 0.5, "val": 0.17, "test": 0.33})
write_manifest(entries, work / "manifest.csv")  # what the commands of tfcovid read
for split in ("train", "val", "test"):
    print(f"{split:6}", *sorted(entry.patient for entry in entries if entry.split == split))

# %% [markdown]
# ## Slices and masks
#
# The network shall outline the lungs, consolidation included, which is no longer dark. Each slice is cropped to the
# body, resized and seen through a window that has both air and soft tissue, in [0, 1]. Its mask goes the same way.

# %%
SIDE, labels = 64, ("background", "lung")


def seen(scan):
    """Slices (slices, 64, 64, 1) in [0, 1], and the box of each in the scan."""
    boxes, _ = mask_boxes(body_mask(scan.hu), margin=2)
    return window(crop_resize(scan.hu, boxes, SIDE), center=-400, width=1400)[..., None], boxes


x, y, scans = {}, {}, {}
for split in ("train", "val", "test"):
    scans[split] = [(entry, read_scan(entry.scan)) for entry in entries if entry.split == split]
    slices, boxes = zip(*(seen(scan) for _, scan in scans[split]), strict=True)
    masks = [label_volume(scan, entry, labels) for entry, scan in scans[split]]
    small = [crop_resize(mask, box, SIDE, labels=True) for mask, box in zip(masks, boxes, strict=True)]
    x[split], y[split] = np.concatenate(slices), np.concatenate(small)
    print(f"{split}: {len(masks)} patients, {len(x[split])} slices")

# %%
fig, axes = plt.subplots(1, 8, figsize=(13, 1.8), layout="constrained")
for ax, k in zip(axes, np.linspace(3, len(x["train"]) - 5, 8).astype(int), strict=True):
    ax.imshow(x["train"][k, ..., 0], cmap="gray", vmin=0, vmax=1)
    ax.contour(y["train"][k], [0.5], colors="tab:orange")
    ax.axis("off")
plt.show()

# %% [markdown]
# ## A network, and `fit`
#
# The networks are ordinary Keras models, and so are losses and metrics. This one is the Attention U-Net in a small
# variant; `attention_unet(1, (256, 256, 1))` is that of the paper.

# %%
network = attention_unet(2, (SIDE, SIDE, 1), AttentionUNetVariant((8, 16, 24, 32)))
epochs, batch = 8, 4
rate = keras.optimizers.schedules.CosineDecay(3e-3, epochs * len(x["train"]) // batch)
network.compile(keras.optimizers.Adam(rate), DiceCrossEntropy(), metrics=[MeanDice()])
fitted = network.fit(
    x["train"], y["train"], validation_data=(x["val"], y["val"]), batch_size=batch, epochs=epochs, verbose=0
)
history = fitted.history
network.save(work / "lungs.keras")

# %%
fig, axes = plt.subplots(1, 2, figsize=(9, 2.6), layout="constrained")
for ax, name in zip(axes, ("loss", "dice_1"), strict=True):
    ax.plot(history[name], label="train")
    ax.plot(history[f"val_{name}"], label="validation")
    ax.set(xlabel="epoch", title={"loss": "loss", "dice_1": "Dice of the lungs"}[name])
axes[0].legend()
plt.show()

# %% [markdown]
# ## Patients that it has not seen
#
# The masks go back into the frame of each scan, and are held to the truth there. Beside the network, a rule without
# training: `air_lungs` takes the air within the body. It works at full resolution, and phantoms suit it; always compare
# with the simplest rule there is.

# %%
outlined, by_rule, of_patient = {}, {}, {}
for entry, scan in scans["test"]:
    slices, boxes = seen(scan)
    found = network.predict(slices, verbose=0).argmax(axis=-1).astype("uint8")
    of_patient[entry.patient] = (
        scan,
        label_volume(scan, entry, labels),
        paste(found, boxes, scan.shape[1:], labels=True),
    )
    truth, mask = of_patient[entry.patient][1:]
    outlined[entry.patient] = mask_scores(truth, mask, labels, scan.spacing)
    rule = (air_lungs(scan.hu, scan.spacing) > 0).astype("uint8")
    by_rule[entry.patient] = mask_scores(truth, rule, labels, scan.spacing)
print("Dice           network  air_lungs")
for patient in outlined:
    print(f"{patient:14} {outlined[patient].labels['lung'].dice:7.3f} {by_rule[patient].labels['lung'].dice:10.3f}")
for name, scores in (("network", outlined), ("air_lungs", by_rule)):
    lung = summarise(scores.values()).labels["lung"]
    print(name, *(f"{key} {lung[key].mean:.3g} ({lung[key].std:.2g})" for key in ("dice", "hausdorff95_mm")))

# %%
# The middle of each held-out scan: truth in white, the network in orange.
fig, axes = plt.subplots(1, len(of_patient), figsize=(14, 2.1), layout="constrained")
for ax, (patient, (scan, truth, mask)) in zip(axes, of_patient.items(), strict=True):
    k = len(truth) // 2 - 1
    ax.imshow(window(scan.hu[k], -400, 1400), cmap="gray")
    ax.contour(truth[k], [0.5], colors="white", linewidths=1)
    ax.contour(mask[k], [0.5], colors="tab:orange", linewidths=1)
    ax.set_title(patient, fontsize=8)
    ax.axis("off")
plt.show()
