"""The tensors in a file that PyTorch saved, read without PyTorch and without running anything in it."""

import io
import math
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from tfcovid.errors import InputError

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_ZIP = b"PK\x03\x04"
# Storage class -> type of its elements; bfloat16 is read as the upper half of float32.
_TYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
_MOST_BYTES = 8 * 2**30  # of all tensors together: views may repeat what a small file holds


# Tuples, which no instruction of a pickle can change once they are made.
class _StorageType(NamedTuple):
    """The class of a storage, which cannot be called."""

    name: str


class _Storage(NamedTuple):
    key: str
    type: str


class _Tensor(NamedTuple):
    """A tensor as its pickle describes it: a view of a storage, in elements."""

    storage: _Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


def read_torch_file(path: str | Path) -> Any:
    """Return the object in a PyTorch file, with arrays in place of its tensors.

    Both of PyTorch's formats are read: the zip archive, and the older sequence of pickles. The unpickler knows
    dictionaries, lists, numbers, text and tensors, and nothing else: a file that asks for any other class or function
    is refused before anything of it runs. Arrays are float32 where the tensors were bfloat16, and else of their type.

    Raises:
        InputError: not such a file, a damaged one, or one with something other than tensors in it.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            zipped = file.read(4) == _ZIP
            file.seek(0)
            described, storages = _read_zip(file) if zipped else _read_legacy(file)
            return _with_arrays(described, storages)
    except InputError as error:
        raise InputError(f"{error} Received: {path}") from error
    # A damaged pickle can raise nearly anything; nothing of it was run.
    except Exception as error:
        raise InputError(
            f"not a checkpoint of PyTorch, or a damaged one; nothing in it was run: {str(error) or repr(error)}. "
            f"Received: {path}"
        ) from error


# The one in C takes memory for as many objects as a file says that it will remember, up to 64 GB; this one does not.
class _Unpickler(pickle._Unpickler):
    """An unpickler of dictionaries, lists, numbers, text and descriptions of tensors."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _KNOWN:
            return _KNOWN[module, name]
        if module in ("torch", "torch.storage") and name in _TYPES:
            return _StorageType(name)
        raise InputError(f"it asks for {module}.{name}, which is no tensor; nothing in it was run.")

    def persistent_load(self, pid: Any) -> _Storage:
        if not isinstance(pid, tuple) or len(pid) < 3 or pid[0] != "storage" or not isinstance(pid[1], _StorageType):
            raise InputError("its storages are not described as PyTorch does; nothing in it was run.")
        if len(pid) > 5 and pid[5] is not None:
            raise InputError("its tensors are views of storages, as PyTorch saved them before 0.4; save it anew.")
        return _Storage(str(pid[2]), _TYPES[pid[1].name])


def _rebuild_tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> _Tensor:
    numbers = (offset, *size, *stride)
    if not isinstance(storage, _Storage) or not all(type(number) is int and number >= 0 for number in numbers):
        raise InputError("a tensor in it is not described as PyTorch does; nothing in it was run.")
    return _Tensor(storage, offset, tuple(size), tuple(stride))


def _rebuild_parameter(tensor: Any, *_: Any) -> Any:
    return tensor


_KNOWN: dict[tuple[str, str], Callable] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    ("torch", "Size"): tuple,
}


def _read_zip(file: BinaryIO) -> tuple[Any, Callable[[_Storage], np.ndarray]]:
    archive = zipfile.ZipFile(io.BytesIO(file.read()))
    names = set(archive.namelist())
    pickles = [name for name in names if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise InputError("a zip archive, but not one that PyTorch wrote: it has no data.pkl.")
    root = pickles[0].removesuffix("data.pkl")
    # PyTorch stores without compression: what would unpack to more than the file holds was not written by it.
    packed = [entry.filename for entry in archive.infolist() if entry.compress_type != zipfile.ZIP_STORED]
    if packed:
        raise InputError(f"its {packed[0]} is compressed, which PyTorch never does.")
    if f"{root}byteorder" in names and archive.read(f"{root}byteorder") != b"little":
        raise InputError("it was written by a big-endian machine; save it anew on another.")

    def bytes_of(storage: _Storage) -> np.ndarray:
        name = f"{root}data/{storage.key}"
        if name not in names:
            raise InputError(f"damaged: there is no {name} in it.")
        return np.frombuffer(archive.read(name), np.uint8)

    return _Unpickler(io.BytesIO(archive.read(pickles[0]))).load(), bytes_of


def _read_legacy(file: BinaryIO) -> tuple[Any, Callable[[_Storage], np.ndarray]]:
    if _Unpickler(file).load() != _MAGIC:
        raise InputError("not a checkpoint of PyTorch; nothing in it was run.")
    protocol, system = _Unpickler(file).load(), _Unpickler(file).load()
    if protocol != _PROTOCOL:
        raise InputError(f"a checkpoint of an unknown protocol, {protocol}.")
    if not isinstance(system, dict) or not system.get("little_endian", True):
        raise InputError("it was written by a big-endian machine; save it anew on another.")
    described, keys = _Unpickler(file).load(), _Unpickler(file).load()
    types = {tensor.storage.key: tensor.storage.type for tensor in _tensors(described)}
    held = {}
    for key in keys:
        # A storage without a tensor has no type, and so no length that could be passed over.
        if key not in types:
            raise InputError(f"damaged: no tensor is of its storage {key}.")
        count = struct.unpack("<q", file.read(8))[0]
        size = count * _width(types[key])
        content = file.read(size) if 0 <= size <= _left(file) else b""
        if len(content) != size:
            raise InputError(f"cut short: its storage {key} ends early.")
        held[key] = np.frombuffer(content, np.uint8)
    return described, lambda storage: held[storage.key]


def _left(file: BinaryIO) -> int:
    here = file.tell()
    end = file.seek(0, io.SEEK_END)
    file.seek(here)
    return end - here


def _width(kind: str) -> int:
    return 2 if kind == "bfloat16" else np.dtype(kind).itemsize


def _tensors(described: Any) -> list[_Tensor]:
    """Return the tensors in nested dictionaries and sequences, each of which is opened once however often it stands."""
    tensors, seen, left = [], set(), [described]
    while left:
        value = left.pop()
        if isinstance(value, _Tensor):
            tensors.append(value)
        elif isinstance(value, dict | list | tuple) and id(value) not in seen:
            seen.add(id(value))
            left.extend(value.values() if isinstance(value, dict) else value)
    return tensors


def _with_arrays(described: Any, bytes_of: Callable[[_Storage], np.ndarray]) -> Any:
    """Return the object with arrays in place of the descriptions of tensors."""
    size = sum(math.prod(tensor.size) * _width(tensor.storage.type) for tensor in _tensors(described))
    if size > _MOST_BYTES:
        raise InputError(f"its tensors would take {size:,} bytes; {_MOST_BYTES:,} are the most that is read.")
    made: dict[int, Any] = {}

    def filled(value: Any) -> Any:
        if isinstance(value, _Tensor):
            return _array(value, bytes_of(value.storage))
        if not isinstance(value, dict | list):
            return value
        if id(value) not in made:
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            inner = {key: filled(part) for key, part in pairs}
            made[id(value)] = inner if isinstance(value, dict) else list(inner.values())
        return made[id(value)]

    return filled(described)


def _array(tensor: _Tensor, content: np.ndarray) -> np.ndarray:
    """Return a copy of the elements that a tensor views.

    Raises:
        InputError: the tensor reaches beyond its storage.
    """
    kind = tensor.storage.type
    elements = content[: len(content) // _width(kind) * _width(kind)].view("<u2" if kind == "bfloat16" else kind)
    last = tensor.offset + sum((side - 1) * step for side, step in zip(tensor.size, tensor.stride, strict=True))
    if math.prod(tensor.size) and last >= len(elements):
        raise InputError(f"damaged: a tensor reaches beyond its storage {tensor.storage.key}.")
    strides = [step * elements.itemsize for step in tensor.stride]
    values = elements[tensor.offset :] if math.prod(tensor.size) else elements[:0]
    values = np.lib.stride_tricks.as_strided(values, tensor.size, strides, writeable=False).copy()
    return (values.astype("<u4") << 16).view("<f4") if kind == "bfloat16" else values
