from dataclasses import dataclass
from typing import Any

import numpy as np

from tfcovid.errors import InputError

# Those that TF Serving's REST API can carry, by TensorFlow's names.
_DTYPES = {
    "DT_BOOL": np.bool_,
    "DT_UINT8": np.uint8,
    "DT_INT8": np.int8,
    "DT_INT16": np.int16,
    "DT_INT32": np.int32,
    "DT_INT64": np.int64,
    "DT_UINT32": np.uint32,
    "DT_UINT64": np.uint64,
    "DT_FLOAT": np.float32,
    "DT_DOUBLE": np.float64,
    "DT_STRING": np.object_,
}


@dataclass(frozen=True)
class Tensor:
    """What a signature takes or gives under one name.

    Attributes:
        dtype: as TensorFlow writes it, "DT_INT16".
        shape: its sides, None where any will do; None where any number of axes will.
    """

    dtype: str
    shape: tuple[int | None, ...] | None

    @classmethod
    def of(cls, described: dict[str, Any]) -> "Tensor":
        """Of a `TensorInfo` as JSON has it."""
        shape = described.get("tensor_shape", {})
        if shape.get("unknown_rank"):
            return cls(described["dtype"], None)
        sides = [int(dim.get("size", 0)) for dim in shape.get("dim", [])]
        return cls(described["dtype"], tuple(None if side < 0 else side for side in sides))

    def __str__(self) -> str:
        name = self.dtype.removeprefix("DT_").lower()
        if self.shape is None:
            return name
        return f"{name} ({', '.join('any' if side is None else str(side) for side in self.shape)})"

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether an array of this shape is one of these tensors."""
        if self.shape is None:
            return True
        return len(shape) == len(self.shape) and all(
            side in (None, given) for side, given in zip(self.shape, shape, strict=True)
        )

    @property
    def numpy(self) -> type[np.generic]:
        """Raises InputError for one that NumPy has no name for, or REST cannot carry."""
        if self.dtype not in _DTYPES:
            raise InputError(f"a tensor is of a type that this client cannot carry. Received: {self.dtype}")
        return _DTYPES[self.dtype]


@dataclass(frozen=True)
class Signature:
    """One of the functions of a served model: name -> tensor, of what it takes and what it gives."""

    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]

    @classmethod
    def all_of(cls, metadata: dict[str, Any]) -> dict[str, "Signature"]:
        """Name of each signature -> signature, of a `GetModelMetadataResponse` as REST gives it.

        Raises:
            InputError: it is none.
        """
        try:
            described = metadata["metadata"]["signature_def"]["signature_def"]
            return {
                name: cls(
                    {key: Tensor.of(value) for key, value in one["inputs"].items()},
                    {key: Tensor.of(value) for key, value in one["outputs"].items()},
                )
                for name, one in sorted(described.items())
                # Which TensorFlow adds where a model is saved without any signature, and others of its own.
                if not name.startswith("__") and one.get("inputs") and one.get("outputs")
            }
        except (KeyError, TypeError, AttributeError, ValueError):
            raise InputError(
                f"the server's description of the model is not TF Serving's. Received: {str(metadata)[:100]}"
            ) from None
