from typing import Any

import keras

_MEANINGS = {
    "levels": "a slice, cropped or whole, resized, seen through one CT window: 0 at its lower end and below, 1 at its "
    "upper end and above",
    "hu": "Hounsfield units of slices, cropped and resized, or of one window of a volume at the working spacing",
    "features": "of slices, from the slice network through one CT window",
    "disease": "probabilities of the labels",
    "lesion": "probabilities without and with a lesion in the slice",
    "lesion_map": "where the network sees it, 0 to 1",
    "probabilities": "of the labels; they sum to one",
    "clicks": "slice, row and column of clicks on the infection, then of clicks beside it, in voxels of the working "
    "volume; -1 where there is none",
    "origin": "slice, row and column of the working volume at which the window begins",
    "spacing": "from slice to slice, row to row and column to column of the working volume, mm",
}


def edge_signature(model: keras.Model) -> dict[str, Any]:
    """Inputs and outputs of an exported network by name: shape (null where any will do), type, meaning and units."""
    inputs = {one.name: one for one in model.inputs}
    return {"inputs": _described(inputs), "outputs": _described(model.output)}


def _described(tensors: dict[str, keras.KerasTensor]) -> dict[str, Any]:
    return {
        name: {"shape": list(one.shape), "dtype": one.dtype, "meaning": _MEANINGS[name]}
        for name, one in tensors.items()
    }
