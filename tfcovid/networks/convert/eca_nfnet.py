from collections.abc import Iterator, Mapping

import numpy as np

from tfcovid.errors import InputError
from tfcovid.networks.eca_nfnet import ECA_NFNETS, EcaNfnetVariant

_HEAD = ("head.fc.weight", "head.fc.bias")


def from_timm(tensors: Mapping[str, np.ndarray]) -> dict[str, list[np.ndarray]]:
    """Tensors of an ECA-NFNet in timm's names to those of our `eca_nfnet`.

    Raises:
        InputError: a tensor that no such ECA-NFNet has, or one that is missing.
    """
    networks = [dict(_tensors(row)) for row in ECA_NFNETS.values()]
    expected = min(networks, key=lambda network: len(network.keys() ^ tensors.keys()))
    if any(name in tensors for name in _HEAD):
        expected |= dict.fromkeys(_HEAD, "disease")
    arrays = {}
    for name, layer in expected.items():
        if name not in tensors:
            raise InputError(f"the checkpoint has no tensor {name}, which would be part of {layer}.")
        arrays.setdefault(layer, []).append(_keras_layout(name, tensors[name]))
    if unknown := sorted(tensors.keys() - expected.keys()):
        raise InputError(f"the checkpoint has {len(unknown)} tensors that no ECA-NFNet has. Received: {unknown[0]}")
    return arrays


def _tensors(row: EcaNfnetVariant) -> Iterator[tuple[str, str]]:
    """timm's names and the layers the tensors become part of, in the order of the layers' weights."""
    convolutions = {f"stem.conv{i}": f"stem_conv{i}" for i in (1, 2, 3, 4)} | {"final_conv": "final_conv"}
    for stage, blocks in enumerate(row.blocks):
        for i in range(blocks):
            module, layer = f"stages.{stage}.{i}", f"stage{stage + 1}_block{i + 1}"
            convolutions |= {f"{module}.{part}": f"{layer}_{part}" for part in ("conv1", "conv2", "conv2b", "conv3")}
            if i == 0:
                convolutions[f"{module}.downsample.conv"] = f"{layer}_shortcut"
            yield f"{module}.attn_last.conv.weight", f"{layer}_eca"
    for module, layer in convolutions.items():
        yield from ((f"{module}.{kind}", layer) for kind in ("weight", "gain", "bias"))


def _keras_layout(name: str, tensor: np.ndarray) -> np.ndarray:
    """Kernels (out, in, height, width) to (height, width, in, out), gains (out, 1, 1, 1) to (out,), others reversed."""
    if name.endswith(".gain"):
        return tensor.reshape(-1)
    return tensor.transpose(2, 3, 1, 0) if tensor.ndim == 4 else tensor.T
