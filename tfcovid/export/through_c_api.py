"""Runs signatures of a SavedModel through TensorFlow's C API, with none of its Python: as TF Serving does.

    python through_c_api.py WHEEL MODEL JOBS INPUTS OUTPUTS

WHEEL is the folder of the installed tensorflow. JOBS is a JSON list of {"inputs": {name: [operation, index]},
"outputs": {name: [operation, index]}}; INPUTS an .npz with an array "N/name" for each input of job N, and OUTPUTS the
.npz to write, with "N/name" for each output and "N", the seconds of a second run. Strings are of numpy's type S.
"""

import ctypes
import json
import sys
import time
from pathlib import Path

import numpy as np

_TYPES = {1: np.float32, 2: np.float64, 3: np.int32, 4: np.uint8, 5: np.int16, 9: np.int64, 10: np.bool_}
_NUMBERS = {np.dtype(found): number for number, found in _TYPES.items()}
_STRING, _STRING_BYTES = 7, 24
_POINTER, _TEXT, _INT, _SIZE = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_size_t
# Name -> what it returns, and what it takes.
_FUNCTIONS = {
    "TF_NewStatus": (_POINTER, []),
    "TF_GetCode": (_INT, [_POINTER]),
    "TF_Message": (_TEXT, [_POINTER]),
    "TF_NewGraph": (_POINTER, []),
    "TF_NewSessionOptions": (_POINTER, []),
    "TF_LoadSessionFromSavedModel": (_POINTER, [*[_POINTER] * 2, _TEXT, _POINTER, _INT, *[_POINTER] * 3]),
    "TF_GraphOperationByName": (_POINTER, [_POINTER, _TEXT]),
    "TF_AllocateTensor": (_POINTER, [_INT, _POINTER, _INT, _SIZE]),
    "TF_DeleteTensor": (None, [_POINTER]),
    "TF_StringInit": (None, [_POINTER]),
    "TF_StringCopy": (None, [_POINTER, _TEXT, _SIZE]),
    "TF_TensorData": (_POINTER, [_POINTER]),
    "TF_TensorByteSize": (_SIZE, [_POINTER]),
    "TF_TensorType": (_INT, [_POINTER]),
    "TF_NumDims": (_INT, [_POINTER]),
    "TF_Dim": (ctypes.c_int64, [_POINTER, _INT]),
    "TF_SessionRun": (None, [*[_POINTER] * 4, _INT, *[_POINTER] * 2, _INT, _POINTER, _INT, *[_POINTER] * 2]),
}


class Output(ctypes.Structure):
    _fields_ = (("operation", _POINTER), ("index", _INT))


def library(wheel: Path) -> ctypes.CDLL:
    ending = "2.dylib" if sys.platform == "darwin" else "so.2"
    ctypes.CDLL(f"{wheel}/libtensorflow_framework.{ending}", mode=ctypes.RTLD_GLOBAL)
    found = ctypes.CDLL(f"{wheel}/libtensorflow_cc.{ending}")
    for name, (returned, taken) in _FUNCTIONS.items():
        function = getattr(found, name)
        function.restype, function.argtypes = returned, taken
    return found


class Session:
    def __init__(self, wheel: Path, model: str):
        self.tf = library(wheel)
        self.status, self.graph = self.tf.TF_NewStatus(), self.tf.TF_NewGraph()
        tags, options = (_TEXT * 1)(b"serve"), self.tf.TF_NewSessionOptions()
        self.session = self.tf.TF_LoadSessionFromSavedModel(
            options, None, model.encode(), tags, 1, self.graph, None, self.status
        )
        self.check()

    def check(self) -> None:
        if self.tf.TF_GetCode(self.status):
            sys.exit(self.tf.TF_Message(self.status).decode())

    def ends(self, named: dict[str, list]) -> ctypes.Array:
        found = [(self.tf.TF_GraphOperationByName(self.graph, name.encode()), index) for name, index in named.values()]
        assert all(operation for operation, _ in found), f"an operation of {named} is missing"
        return (Output * len(found))(*(Output(*one) for one in found))

    def tensor(self, array: np.ndarray) -> int:
        shape = (ctypes.c_int64 * array.ndim)(*array.shape)
        if array.dtype.kind == "S":
            made = self.tf.TF_AllocateTensor(_STRING, shape, array.ndim, _STRING_BYTES * array.size)
            for n, text in enumerate(array.ravel().tolist()):
                at = self.tf.TF_TensorData(made) + n * _STRING_BYTES
                self.tf.TF_StringInit(at)
                self.tf.TF_StringCopy(at, text, len(text))
            return made
        array = np.ascontiguousarray(array)
        made = self.tf.TF_AllocateTensor(_NUMBERS[array.dtype], shape, array.ndim, array.nbytes)
        ctypes.memmove(self.tf.TF_TensorData(made), array.ctypes.data, array.nbytes)
        return made

    def array(self, tensor: int) -> np.ndarray:
        shape = [self.tf.TF_Dim(tensor, axis) for axis in range(self.tf.TF_NumDims(tensor))]
        data = ctypes.string_at(self.tf.TF_TensorData(tensor), self.tf.TF_TensorByteSize(tensor))
        return np.frombuffer(data, _TYPES[self.tf.TF_TensorType(tensor)]).reshape(shape)

    def run(self, job: dict[str, dict], given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        starts, ends = self.ends(job["inputs"]), self.ends(job["outputs"])
        tensors = (_POINTER * len(starts))(*(self.tensor(given[name]) for name in job["inputs"]))
        values = (_POINTER * len(ends))()
        self.tf.TF_SessionRun(
            *(self.session, None, starts, tensors, len(starts), ends, values, len(ends)), None, 0, None, self.status
        )
        self.check()
        found = {name: self.array(value) for name, value in zip(job["outputs"], values, strict=True)}
        for tensor in (*tensors, *values):
            self.tf.TF_DeleteTensor(tensor)
        return found


def main() -> None:
    wheel, model, jobs, inputs, outputs = sys.argv[1:]
    session, inputs, found = Session(Path(wheel), model), np.load(inputs), {}
    for n, job in enumerate(json.loads(Path(jobs).read_text(encoding="utf-8"))):
        given = {name: inputs[f"{n}/{name}"] for name in job["inputs"]}
        found |= {f"{n}/{name}": value for name, value in session.run(job, given).items()}
        started = time.perf_counter()
        session.run(job, given)
        found[str(n)] = time.perf_counter() - started
    assert "tensorflow" not in sys.modules
    np.savez(outputs, **found)


if __name__ == "__main__":
    main()
