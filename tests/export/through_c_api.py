"""Runs every signature of a SavedModel through TensorFlow's C API, with none of its Python: as TF Serving does.

    python through_c_api.py WHEEL MODEL NAMES INPUTS FOLDER

WHEEL is the folder of the installed tensorflow, NAMES a JSON file: signature -> {"input": [operation, index],
"outputs": {name: [operation, index]}}. INPUTS is an .npz with an int16 array of three axes for each signature; the
outputs come as .npz, one a signature, in FOLDER.
"""

import ctypes
import json
import sys
from pathlib import Path

import numpy as np

_INT16 = 5
_TYPES = {1: np.float32, 3: np.int32, 9: np.int64, 10: np.bool_}
_POINTER, _TEXT, _INT = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
# Name -> what it returns, and what it takes.
_FUNCTIONS = {
    "TF_NewStatus": (_POINTER, []),
    "TF_GetCode": (_INT, [_POINTER]),
    "TF_Message": (_TEXT, [_POINTER]),
    "TF_NewGraph": (_POINTER, []),
    "TF_NewSessionOptions": (_POINTER, []),
    "TF_LoadSessionFromSavedModel": (_POINTER, [*[_POINTER] * 2, _TEXT, _POINTER, _INT, *[_POINTER] * 3]),
    "TF_GraphOperationByName": (_POINTER, [_POINTER, _TEXT]),
    "TF_AllocateTensor": (_POINTER, [_INT, _POINTER, _INT, ctypes.c_size_t]),
    "TF_TensorData": (_POINTER, [_POINTER]),
    "TF_TensorByteSize": (ctypes.c_size_t, [_POINTER]),
    "TF_TensorType": (_INT, [_POINTER]),
    "TF_NumDims": (_INT, [_POINTER]),
    "TF_Dim": (ctypes.c_int64, [_POINTER, _INT]),
    "TF_SessionRun": (None, [*[_POINTER] * 4, _INT, *[_POINTER] * 2, _INT, _POINTER, _INT, *[_POINTER] * 2]),
}


class Output(ctypes.Structure):
    _fields_ = (("operation", _POINTER), ("index", _INT))


def library(wheel):
    ctypes.CDLL(f"{wheel}/libtensorflow_framework.so.2", mode=ctypes.RTLD_GLOBAL)
    found = ctypes.CDLL(f"{wheel}/libtensorflow_cc.so.2")
    for name, (returned, taken) in _FUNCTIONS.items():
        function = getattr(found, name)
        function.restype, function.argtypes = returned, taken
    return found


class Session:
    def __init__(self, wheel, model):
        self.tf = library(wheel)
        self.status, self.graph = self.tf.TF_NewStatus(), self.tf.TF_NewGraph()
        tags, options = (_TEXT * 1)(b"serve"), self.tf.TF_NewSessionOptions()
        self.session = self.tf.TF_LoadSessionFromSavedModel(
            options, None, model.encode(), tags, 1, self.graph, None, self.status
        )
        self.check()

    def check(self):
        if self.tf.TF_GetCode(self.status):
            raise RuntimeError(self.tf.TF_Message(self.status).decode())

    def end(self, operation, index):
        found = self.tf.TF_GraphOperationByName(self.graph, operation.encode())
        assert found, f"no operation {operation}"
        return Output(found, index)

    def tensor(self, array):
        array = np.ascontiguousarray(array)
        made = self.tf.TF_AllocateTensor(_INT16, (ctypes.c_int64 * 3)(*array.shape), 3, array.nbytes)
        ctypes.memmove(self.tf.TF_TensorData(made), array.ctypes.data, array.nbytes)
        return made

    def array(self, tensor):
        shape = [self.tf.TF_Dim(tensor, axis) for axis in range(self.tf.TF_NumDims(tensor))]
        data = ctypes.string_at(self.tf.TF_TensorData(tensor), self.tf.TF_TensorByteSize(tensor))
        return np.frombuffer(data, _TYPES[self.tf.TF_TensorType(tensor)]).reshape(shape)

    def run(self, names, given):
        wanted = names["outputs"]
        ends = (Output * len(wanted))(*(self.end(*at) for at in wanted.values()))
        values = (_POINTER * len(wanted))()
        start, tensor = (Output * 1)(self.end(*names["input"])), (_POINTER * 1)(self.tensor(given))
        self.tf.TF_SessionRun(
            self.session, None, start, tensor, 1, ends, values, len(wanted), None, 0, None, self.status
        )
        self.check()
        return {name: self.array(value) for name, value in zip(wanted, values, strict=True)}


def main():
    wheel, model, names, inputs, folder = sys.argv[1:]
    session, inputs = Session(wheel, model), np.load(inputs)
    for name, ends in json.loads(Path(names).read_text(encoding="utf-8")).items():
        np.savez(f"{folder}/{name}.npz", **session.run(ends, inputs[name]))
    assert "tensorflow" not in sys.modules


if __name__ == "__main__":
    main()
