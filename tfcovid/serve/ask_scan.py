import numpy as np

from tfcovid.errors import InputError
from tfcovid.notice import RESEARCH_USE
from tfcovid.scans import Scan
from tfcovid.serve.answer import Answer
from tfcovid.serve.check_answer import check_answer
from tfcovid.serve.served_model import ServedModel

_PICTURES = b"\x89PNG", b"\xff\xd8\xff"  # PNG and JPEG


def ask_scan(
    model: ServedModel,
    scan: Scan,
    signature: str | None = None,
    labels: tuple[str, ...] | None = None,
    notice: str = RESEARCH_USE,
) -> Answer:
    """Has a scan read by a served export of tfcovid.

    Args:
        signature: one that takes "hu" alone, which gets the slices in HU as they are, or "images", which gets the files
            of pictures as they are. None takes "image_bytes" for pictures, and otherwise "scan", or of a segmenter
            "serving_default".
        labels: the names of the classes.

    Raises:
        InputError: the signature takes something else than the scan, the server does not answer, or its answer is
            damaged.
    """
    whole = "scan" if "scan" in model.signatures else "serving_default"
    name = signature or ("image_bytes" if scan.units == "8-bit" else whole)
    wanted = model.signature(name).inputs
    if set(wanted) == {"images"}:
        inputs = {"images": _pictures(scan)}
    elif set(wanted) == {"hu"}:
        inputs = {"hu": scan.hu}
    else:
        takes = ", ".join(f"{key} {tensor}" for key, tensor in sorted(wanted.items()))
        raise InputError(
            f"--signature: {name} wants more than a scan; ask it from Python, see tfcovid.serve.ServedModel. "
            f"Received: {takes}"
        )
    outputs = model.ask(name, inputs)
    check_answer(outputs, scan, labels)
    asked = {"model": model.name, "version": model.version, "signature": name}
    lungs = None
    if "lesion_map" in outputs and "lungs" in model.signatures and set(wanted) == {"hu"}:
        found = model.ask("lungs", {"hu": scan.hu})
        check_answer(found, scan, None)
        lungs = found["mask"].astype(bool)
    return Answer(scan, outputs, labels, asked, notice, lungs)


def _pictures(scan: Scan) -> np.ndarray:
    """`(slices,)` objects: the bytes of the files."""
    files = [path.read_bytes() for path in scan.sources]
    strange = [path.suffix for path, data in zip(scan.sources, files, strict=True) if not data.startswith(_PICTURES)]
    if strange or len(files) != len(scan.voxels) or scan.units != "8-bit":
        what = f"{strange[0]} files" if strange else f"{scan.units}, {len(files)} files of {len(scan.voxels)} slices"
        raise InputError(f"image_bytes takes pictures of 8 bits, a PNG or JPEG a slice. Received: {what}")
    return np.array(files, object)
