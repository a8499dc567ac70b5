# %% [markdown]
# # Export a system and run it elsewhere
#
# **Research use only. Not a medical device; not for diagnosis or treatment.** The scan is a phantom, and the system has
# learnt from phantoms alone.
#
# ```
# pip install -e '.[notebooks,litert,openvino,serving]'   # in a copy of the repository
# jupyter execute notebooks/export_and_run.ipynb          # or open it in VS Code or JupyterLab
# ```
#
# It takes about two minutes on two cores. What is not installed is left out below, and says so. `tfcovid export` does
# the same from the command line.

# %%
import json
import logging
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow: it tells of every GPU that is not there

import numpy as np

import tfcovid
from tfcovid.data import network_slices
from tfcovid.export import Evidence, export_bundle
from tfcovid.phantom import make_phantom, write_dicom
from tfcovid.preprocess import window

logging.getLogger("tensorflow").setLevel("ERROR")
temporary = TemporaryDirectory()
work = Path(temporary.name)  # a folder of yours keeps the exports

# %% [markdown]
# ## What the bundle says
#
# This is what every export is held to. `Evidence` is the scan that an export is verified on before it is written; where
# its answers differ from the bundle's by more than a tolerance there is no export, and the reason.

# %%
series = write_dicom(make_phantom("covid", seed=7, shape=(16, 192, 192), severity=0.6), work / "series")
scan = tfcovid.read_scan(series)
system = tfcovid.load("demo")
diagnosis = system.predict(scan)
evidence = Evidence.gather(scan)
print(diagnosis)

# %% [markdown]
# ## SavedModel: TensorFlow and nothing else
#
# Crop, selection of slices, CT windows and the joining of slices are all inside the graph: whole slices in Hounsfield
# units go in, and the diagnosis comes out.

# %%
facts = export_bundle("demo", "savedmodel", work / "served", evidence)
print(f"{facts['bytes'] / 1e6:.1f} MB, equal to the bundle within {facts['largest_difference']:.1e}")
for name, one in facts["signatures"].items():
    print(f"  {name:16} {', '.join(one['inputs'])} -> {', '.join(one['outputs'])}")

# %%
# Another process, as on another computer: it has the slices and the folder, and no tfcovid.
elsewhere = """
import json, sys
sys.modules["keras"] = None  # TensorFlow would import it where it is installed; the model does without
import numpy as np
import tensorflow as tf

model = tf.saved_model.load(sys.argv[1])
answer = model.signatures["scan"](hu=tf.constant(np.load(sys.argv[2])))
print(json.dumps({
    "label": int(answer["label"]),
    "probabilities": answer["probabilities"].numpy().tolist(),
    "tfcovid": "tfcovid" in sys.modules,
}))
"""
np.save(work / "slices.npy", scan.hu)
model = work / "served" / facts["model"] / str(facts["version"])
command = [sys.executable, "-P", "-c", elsewhere, model, work / "slices.npy"]
done = subprocess.run(command, capture_output=True, text=True, check=True)
answer = json.loads(done.stdout)
print(facts["labels"][answer["label"]], np.round(answer["probabilities"], 4), "with tfcovid:", answer["tfcovid"])
print(diagnosis.label, np.round(list(diagnosis.probabilities.values()), 4))
assert facts["labels"][answer["label"]] == diagnosis.label and not answer["tfcovid"]
np.testing.assert_allclose(answer["probabilities"], list(diagnosis.probabilities.values()), atol=1e-4)

# %% [markdown]
# ## TF Serving
#
# The folder is ready for TF Serving's public image: `cd served && docker compose up`, and then
# `tfcovid client grpc://localhost:8500 FOLDER_OF_DICOM --export served -o out`, or any HTTP client. There are two
# servers: requests may be joined for single slices, and never for scans. `docs/serving.md` says why, and how to ask.

# %%
for file in sorted(path for path in (work / "served").rglob("*") if path.is_file()):
    print(f"{file.relative_to(work)!s:55} {file.stat().st_size / 1000:7.0f} kB")
print((work / "served" / "compose.yaml").read_text())

# %% [markdown]
# ## TFLite: small computers
#
# The networks alone, in files of built-in operators. `scripts/edge_predict.py EXPORT SCAN` crops the slices and joins
# them without TensorFlow. Here is one slice, step by step. int8 is fitted to labelled scans: `--manifest`.

# %%
if find_spec("ai_edge_litert") is None:
    print("left out: pip install 'tfcovid[litert]'")
else:
    from ai_edge_litert.interpreter import Interpreter

    facts = export_bundle("demo", "tflite", work / "edge", evidence, precisions=("float32", "float16", "dynamic"))
    for precision, one in facts["differences"].items():
        print(f"{precision:8} differs by {one['scan']:.1e} for the scan, {one['slices']:.1e} for a slice")
    hu = network_slices(scan, system.config).hu[7:8]
    seen = [window(hu, center, system.config.window.width)[..., None] for center in system.config.window.predict]
    for precision, file in facts["networks"]["slice"]["files"].items():
        run = Interpreter(str(work / "edge" / file["file"])).get_signature_runner()
        disease = np.mean([run(levels=levels)["disease"][0] for levels in seen], axis=0)
        shown = ", ".join(f"{label} {p:.3f}" for label, p in zip(facts["labels"], disease, strict=True))
        print(f"slice 7, {precision:8} {file['bytes'] / 1e6:.2f} MB: {shown}")

# %% [markdown]
# ## OpenVINO: fast on processors
#
# The export is a bundle again, which `tfcovid.load` and `tfcovid predict` run without TensorFlow.
# `tfcovid.load("demo", runtime="openvino")` compiles by itself and keeps what it compiled.

# %%
if find_spec("openvino") is None:
    print("left out: pip install 'tfcovid[openvino]'")
else:
    facts = export_bundle("demo", "openvino", work / "fast", evidence, precisions=("float32",))
    fast = tfcovid.load(work / "fast")
    print(fast.runtime)
    print(fast.predict(scan), "\n", diagnosis, sep="")
