from typing import Any

import tensorflow as tf

# Tensor -> its axes, and what it holds with unit and range. A signature's own meaning of a name goes first.
_INPUTS = {
    "scan.hu": (("slices", "height", "width"), "whole slices of one scan, feet to head; HU, -1024 to 3071"),
    "lungs.hu": (("slices", "height", "width"), "whole slices of one scan, feet to head; HU, -1024 to 3071"),
    "cropped.hu": (("batch", "height", "width"), "slices cropped and resized by tfcovid; HU, -1024 to 3071"),
    "hu": (("batch", "height", "width"), "whole slices, each by itself; HU, -1024 to 3071"),
    "images": (("batch",), "encoded PNG or JPEG, 8-bit grey levels, of any sizes"),
    "clicks": (
        ("batch", "inside and beside", "clicks", "slice, row, column"),
        "voxels of the volume that the patch is of, at the working spacing; padded with -1",
    ),
    "origin": (("batch", "slice, row, column"), "voxel of the volume where the patch begins"),
    "spacing": (("batch", "slice, row, column"), "mm"),
}
_OUTPUTS = {
    "label": ((), "number of the label that is called"),
    "probabilities": (("classes",), "of the scan, the mean over the CT windows; 0 to 1"),
    "by_window": (("windows", "classes"), "of the scan through each CT window; 0 to 1"),
    "index": (("slices",), "where each slice that was read stands in the scan, from 0 at the feet"),
    "slice_probabilities": (("slices", "classes"), "0 to 1"),
    "lesion_probabilities": (("slices",), "that a slice shows a lesion; 0 to 1"),
    "lesion_map": (("slices", "height", "width"), "what speaks for disease, in the frame of the boxes; 0 to 1"),
    "boxes": (("slices", "top, left, bottom, right"), "pixels of the slice that were read; bottom and right exclusive"),
    "without_lung": (("slices",), "no lung was found, and the slice was read whole"),
    "features": (("batch", "windows", "channels"), "what the patient network reads of a slice"),
    "mask": (("slices", "height", "width"), "number of the label of every pixel"),
    "lungs.mask": (("slices", "height", "width"), "whether a pixel lies in a lung"),
}
_OF_PATCHES = {
    "hu": (("batch", "slices", "height", "width"), "patches at the working spacing; HU, -1024 to 3071"),
    "mask": (("batch", "slices", "height", "width"), "number of the label of every voxel that is answered for"),
    "probabilities": (("batch", "slices", "height", "width", "labels"), "0 to 1"),
}


def signature_facts(name: str, function: tf.types.experimental.ConcreteFunction) -> dict[str, Any]:
    """What a client has to know of a signature: dtype, shape, axes, unit and range of all that goes in and out.

    Args:
        name: of the signature.
        function: of it, see `ServingModel.signatures`.
    """
    inputs = function.structured_input_signature[1] or {}
    inputs = inputs or {one.name: one for one in function.structured_input_signature[0]}
    of_patches = len(inputs["hu"].shape) == 4 if "hu" in inputs else False
    own = _OF_PATCHES if of_patches else {}

    def facts(key: str, tensor, known: dict[str, tuple]) -> dict[str, Any]:
        axes, meaning = own.get(key) or known.get(f"{name}.{key}") or known[key]
        shape = [int(side) if side is not None else None for side in tensor.shape]
        return {"dtype": tensor.dtype.name, "shape": shape, "axes": list(axes), "meaning": meaning}

    return {
        "inputs": {key: facts(key, one, _INPUTS) for key, one in inputs.items()},
        "outputs": {key: facts(key, one, _OUTPUTS) for key, one in sorted(function.structured_outputs.items())},
    }
