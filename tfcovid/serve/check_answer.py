import numpy as np

from tfcovid.errors import InputError
from tfcovid.scans import Scan

_SCAN = ("label", "probabilities", "by_window", "index")
_READ = (*_SCAN, "slice_probabilities", "lesion_probabilities", "lesion_map", "boxes", "without_lung")
_ROUNDED = 1e-4  # by which 32-bit sums of probabilities may leave [0, 1]


def check_answer(outputs: dict[str, np.ndarray], scan: Scan, labels: tuple[str, ...] | None) -> None:
    """That the outputs of a signature go together, and with the scan: a file is written of nothing else.

    Args:
        outputs: as `tfcovid.serve.ServedModel.ask` returns them.
        labels: the names of the classes, where they are known.

    Raises:
        InputError: outputs of something else than an export of tfcovid, or a damaged answer.
    """
    slices, height, width = scan.voxels.shape
    if "features" in outputs:
        _require(outputs, "features", (slices, None, None))
        return
    if "mask" in outputs:
        _require(outputs, "mask", (slices, height, width))
        return
    if "slice_probabilities" not in outputs or ("label" in outputs) != all(name in outputs for name in _SCAN):
        raise InputError(f"the answer is not one of tfcovid's exports. Received: {', '.join(sorted(outputs))}")
    read = len(outputs["index"]) if "index" in outputs else slices
    _require(outputs, "slice_probabilities", (read, None))
    classes = outputs["slice_probabilities"].shape[1]
    shapes = {
        "label": (),
        "probabilities": (classes,),
        "by_window": (None, classes),
        "index": (read,),
        "lesion_probabilities": (read,),
        "lesion_map": (read, None, None),
        "boxes": (read, 4),
        "without_lung": (read,),
    }
    for name, shape in shapes.items():
        if name in outputs or name == "lesion_probabilities":
            _require(outputs, name, shape)
    for name in _READ:
        found = outputs.get(name)
        if found is not None and found.dtype.kind == "f" and not np.all((found > -_ROUNDED) & (found < 1 + _ROUNDED)):
            raise InputError(f"output {name}: is to be within 0 and 1. Received: {found.min()} to {found.max()}")
    if "label" in outputs:
        index, label = outputs["index"], int(outputs["label"])
        if not read or index[0] < 0 or index[-1] >= slices or (np.diff(index) < 1).any():
            raise InputError(f"output index: is to rise within {slices} slices. Received: {index[:20].tolist()}")
        if not 0 <= label < classes:
            raise InputError(f"output label: is to be below {classes}. Received: {label}")
    if "boxes" in outputs:
        top, left, bottom, right = outputs["boxes"].T
        wrong = (top < 0) | (left < 0) | (bottom > height) | (right > width) | (top >= bottom) | (left >= right)
        if wrong.any():
            box = outputs["boxes"][wrong.argmax()].tolist()
            raise InputError(f"output boxes: one leaves the slices of {height} x {width}. Received: {box}")
    if labels is not None and len(labels) != classes:
        raise InputError(f"labels: the model tells {classes} classes apart. Received: {', '.join(labels)}")


def _require(outputs: dict[str, np.ndarray], name: str, shape: tuple[int | None, ...]) -> None:
    found = outputs[name].shape if name in outputs else None
    if found is None or len(found) != len(shape):
        raise InputError(f"output {name}: is to have {len(shape)} axes. Received: {found}")
    if any(wanted not in (None, side) for wanted, side in zip(shape, found, strict=True)):
        wanted = ", ".join("any" if side is None else str(side) for side in shape)
        raise InputError(f"output {name}: is to be ({wanted}). Received: {found}")
