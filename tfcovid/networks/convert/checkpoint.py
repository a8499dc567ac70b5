from pathlib import Path

import numpy as np

from tfcovid.errors import InputError
from tfcovid.networks.convert.torch_file import read_torch_file


def read_checkpoint(path: str | Path) -> dict[str, np.ndarray]:
    """Return the tensors of a PyTorch checkpoint, by name, as float32.

    A checkpoint is a `.safetensors`, `.pth`, `.pt` or `.bin` file. PyTorch is not needed, and no code that a file may
    hold is run. A dictionary that holds the weights under "state_dict", "model" or "state_dict_ema" is opened, the last
    of them first, and the "module." that training on several devices puts before names is taken off.

    Raises:
        InputError: no such file, none of these formats, or something other than tensors in it.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no such checkpoint. Received: {path}")
    if path.suffix == ".safetensors":
        tensors = _safetensors(path)
    elif path.suffix in (".pth", ".pt", ".bin"):
        tensors = _torch(path)
    else:
        raise InputError(f"a checkpoint is a .safetensors, .pth, .pt or .bin file. Received: {path}")
    return {name.removeprefix("module."): np.asarray(tensor, "float32") for name, tensor in tensors.items()}


def _safetensors(path: Path) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise InputError(f"not a readable safetensors file: {error}. Received: {path}") from error


def _torch(path: Path) -> dict[str, np.ndarray]:
    loaded = read_torch_file(path)
    for key in ("state_dict_ema", "state_dict", "model"):
        if isinstance(loaded, dict) and isinstance(loaded.get(key), dict):
            loaded = loaded[key]
            break
    if not isinstance(loaded, dict) or not all(
        isinstance(name, str) and isinstance(tensor, np.ndarray) for name, tensor in loaded.items()
    ):
        raise InputError(f"a checkpoint holds tensors by name, and this does not. Received: {path}")
    return loaded
