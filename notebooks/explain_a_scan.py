# %% [markdown]
# # Where a system sees what it calls
#
# **Research use only. Not a medical device; not for diagnosis or treatment.** The scan is a phantom, so that the truth
# is known. A map shows what moved the network, which need not be a lesion.
#
# ```
# pip install -e '.[notebooks]'                    # in a copy of the repository
# jupyter execute notebooks/explain_a_scan.ipynb   # or open it in VS Code or JupyterLab
# ```
#
# It takes about a minute on two cores. `tfcovid explain demo SCAN -o out` does the same from the command line.

# %%
# %matplotlib inline
import os
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow: it tells of every GPU that is not there

import matplotlib.pyplot as plt

import tfcovid
from tfcovid.explain import feature_maps
from tfcovid.inference import explain_scan
from tfcovid.phantom import make_phantom
from tfcovid.preprocess import window

temporary = TemporaryDirectory()
work = Path(temporary.name)  # a folder of yours keeps what is written
phantom = make_phantom("covid", seed=7, shape=(16, 192, 192), severity=0.6)
scan = tfcovid.Scan.from_array(phantom.hu, phantom.spacing)  # or tfcovid.read_scan("FOLDER_OF_DICOM")
system = tfcovid.load("demo")

# %% [markdown]
# ## The lesion map
#
# Of a system after M3Lung-Sys it comes from lesion prototypes that the network learnt, of others from the weights of
# its output. Its cells are coarse: 8 x 8 in the box that was read. Colours run from 0 to 1 for every scan.

# %%
explanation = explain_scan(system, scan)
print(f"{explanation.diagnosis}\n{explanation.method}; lungs by {explanation.lungs_by}")
for lung, share in explanation.share.items():
    print(f"  {lung:10} {share:.0f} % is {explanation.warm}")
explanation.sheet()

# %%
# Beside the truth, in white. `heat` is (slices, height, width) in the frame of the scan, 0 outside the body.
warmest = int(explanation.heat.sum(axis=(1, 2)).argmax())
fig, axes = plt.subplots(1, 2, figsize=(8, 3.8), layout="constrained")
for ax, name in zip(axes, (f"slice {warmest}", "lesion map"), strict=True):
    ax.imshow(window(scan.hu[warmest]), cmap="gray")
    ax.set_title(name)
    ax.axis("off")
warm = explanation.heat[warmest]
axes[1].imshow(warm, cmap="inferno", vmin=0, vmax=1, alpha=0.6 * (warm > 0.05))
for ax in axes:
    ax.contour(phantom.lesions[warmest] > 0, [0.5], colors="white", linewidths=1)
plt.show()

# %%
# In the lungs: how much of what is marked is a lesion, and how much of the lesions is marked.
lungs, lesions, marked = phantom.lungs > 0, phantom.lesions > 0, explanation.heat > 0.5
print(
    f"lesions fill {lesions[lungs].mean():.0%} of the lungs, and {lesions[lungs & marked].mean():.0%} of what is marked"
)
print(f"{marked[lesions].mean():.0%} of the lesions are marked")

# %% [markdown]
# ## One label alone: Grad-CAM
#
# What speaks for a label against all others, from the gradient of its log-odds (Selvaraju et al., arXiv 1610.02391). It
# goes with any network; `tfcovid.explain.grad_cam` takes a Keras model of yours. The same call draws feature maps for
# the end of this page.

# %%
layer = "conv2_block1_out"
of_label = explain_scan(system, scan, label="covid-19", layers=[layer])
of_label.sheet()

# %% [markdown]
# ## How sure it is
#
# A scan is read through several CT windows. Where the answers lie apart, or the scan is unlike those of training, the
# diagnosis says that a radiologist should decide. The last case shows the limit of that: a system is not aware of what
# it never learnt to see. It was trained on severe cases, overlooks the small lesions of a mild one, and is sure.

# %%
others = {
    "thin slices": make_phantom("covid", seed=7, shape=(64, 128, 128), severity=0.6),
    "a mild case of CAP": make_phantom("cap", seed=30, shape=(16, 192, 192), severity=0.2),
    "a mild case of H1N1": make_phantom("h1n1", seed=30, shape=(16, 192, 192), severity=0.1),
}
read = {name: system.predict(tfcovid.Scan.from_array(one.hu, one.spacing)) for name, one in others.items()}
for name, diagnosis in {"the scan": explanation.diagnosis, **read}.items():
    sure = diagnosis.uncertainty
    print(f"{name}: {diagnosis.label}, confidence {sure['confidence']:.2f}, refer: {sure['refer']}")
    print("".join(f"    because {reason}\n" for reason in sure["reasons"]), end="")
    for label, span in sure["probabilities"].items():
        print(f"    {label:10} {diagnosis.probabilities[label]:.3f}, from {span['low']:.3f} to {span['high']:.3f}")

# %% [markdown]
# ## What a layer makes of a slice
#
# Any layer with places can be shown; the channels with the largest values come first.

# %%
for name, shape in list(feature_maps(system.slice_network).items())[4::6]:
    print(f"{name:24} {' x '.join(map(str, shape[1:]))}")
next(iter(of_label.sheets.values()))

# %%
explanation.save(work / "any_label")
of_label.save(work / "covid-19")
for file in sorted(work.rglob("*.*")):
    print(f"{file.relative_to(work)!s:45} {file.stat().st_size / 1000:6.0f} kB")
