"""Makes the networks of a bundle half as large on disk."""

import io
import json
import zipfile
from pathlib import Path

import h5py
import numpy as np

from tfcovid.into_place import into_place
from tfcovid.networks import weights_hash

_WEIGHTS = "model.weights.h5"


def halve_weights(bundle: str | Path) -> None:
    """Round the kernels in the networks of a bundle to what float16 can hold, and pack the files.

    Kernels stay float32 and are read as before; the half of each number that is zero now takes no space. Norms, biases
    and all else that has one axis keep every digit: a variance can be too small for float16. The hashes in
    `bundle.json` follow. Figures on the card are those of the weights before: evaluate the bundle again.

    Args:
        bundle: a folder that `tfcovid train` wrote.
    """
    import keras

    bundle = Path(bundle)
    facts = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))
    for file in sorted(bundle.glob("*.keras")):
        into_place(file, lambda partial, file=file: _write_halved(file, partial))
        facts["weights_sha256"][file.stem] = weights_hash(keras.saving.load_model(file, compile=False))
    text = json.dumps(facts, indent=2) + "\n"
    into_place(bundle / "bundle.json", lambda partial: partial.write_text(text, encoding="utf-8"))


def _write_halved(file: Path, out: Path) -> None:
    with zipfile.ZipFile(file) as archive, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for name in archive.namelist():
            content = archive.read(name)
            packed.writestr(name, _halved(content) if name == _WEIGHTS else content)


def _halved(content: bytes) -> bytes:
    buffer = io.BytesIO(content)
    with h5py.File(buffer, "r+") as weights:
        weights.visititems(_halve)
    return buffer.getvalue()


def _halve(name: str, part: h5py.Dataset | h5py.Group) -> None:
    if isinstance(part, h5py.Dataset) and part.ndim > 1 and part.dtype == np.float32:
        part[...] = part[...].astype(np.float16).astype(np.float32)
