# %% [markdown]
# # A scan, a diagnosis, its lungs
#
# **Research use only. Not a medical device; not for diagnosis or treatment.** The scan is a phantom, made by a program.
# The system has learnt from phantoms alone: what it would say of a real scan has no meaning.
#
# ```
# pip install -e '.[notebooks]'                # in a copy of the repository
# jupyter execute notebooks/quickstart.ipynb   # or open it in VS Code or JupyterLab
# ```
#
# It takes about half a minute on two cores.

# %%
# %matplotlib inline
import os
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow: it tells of every GPU that is not there

import matplotlib.pyplot as plt

import tfcovid
from tfcovid.phantom import make_phantom, write_dicom
from tfcovid.preprocess import window

temporary = TemporaryDirectory()
work = Path(temporary.name)  # a folder of yours keeps what is written

# %% [markdown]
# ## Read a scan
#
# `read_scan` takes a folder of DICOM files, a `.zip`, NIfTI, or slice images, and checks what it reads. Here is a
# COVID-19 phantom of 16 thick slices. With a scan of your own, put its path in place of `series`.

# %%
series = write_dicom(make_phantom("covid", seed=7, shape=(16, 192, 192), severity=0.6), work / "series")
scan = tfcovid.read_scan(series)
print(scan)
for finding in scan.findings:
    print(finding)

# %%
# Hounsfield units, (slices, height, width): feet to head, front to back, the patient's right to left.
shown = range(3, 15, 2)
fig, axes = plt.subplots(1, len(shown), figsize=(13, 2.6), layout="constrained")
for ax, k in zip(axes, shown, strict=True):
    ax.imshow(window(scan.hu[k], center=-600, width=1500), cmap="gray")
    ax.set_title(f"slice {k}", fontsize=9)
    ax.axis("off")
plt.show()

# %% [markdown]
# ## Diagnose it
#
# A bundle is a trained system in a folder. `demo` ships with tfcovid; `tfcovid train` writes others.

# %%
system = tfcovid.load("demo")
diagnosis = system.predict(scan)
print(diagnosis.label)
for label, probability in diagnosis.probabilities.items():
    print(f"  {label:10} {probability:.3f}")
print(diagnosis.notice)

# %%
# How far the single answers lie apart (here one for each CT window), and whether a radiologist should decide.
sure = diagnosis.uncertainty
print(f"confidence {sure['confidence']:.2f}, {sure['agreeing']:.0%} of {sure['answers']} answers agree")
print("refer:", sure["refer"], *sure["reasons"])
for row in diagnosis.slice_table[::3]:
    print(f"slice {row['slice']:2}  at {row['z_mm']:7.1f} mm  lesion {row['lesion']:.3f}  {row['label']}")

# %%
# Slices from head to feet, the lesion map beneath each, and the probabilities.
diagnosis.plot()

# %% [markdown]
# ## Outline the lungs
#
# `lungs` ships too, and has learnt from patients. Volumes are in ml. `involved_percent` is for segmenters that outline
# the infection; the lesion map has a share of its own, of what it marks.

# %%
segmentation = tfcovid.load_segmenter("lungs").segment(scan)
for row in segmentation.table:
    print(f"{row['region']:11} {row['volume_ml']:6.0f} ml, suspicious {diagnosis.suspicious[row['region']]:.0f} %")
segmentation.plot()

# %% [markdown]
# ## Write it all
#
# `report.html` opens in any browser. Maps and masks lie in the frame of the scan's files and open over them in any
# viewer. No name, ID or date is taken from the scan.

# %%
diagnosis.save(work / "diagnosis")
segmentation.save(work / "lungs")
for file in sorted(work.glob("[dl]*/*")):
    print(f"{file.relative_to(work)!s:32} {file.stat().st_size / 1000:8.0f} kB")
