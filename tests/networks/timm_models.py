"""The peer library's networks, with weights on which no part of a conversion can hide."""

import sys
from unittest.mock import MagicMock

import numpy as np
import pytest

# What timm imports of torchvision, for its data loading and one frozen norm: none of it runs in a network.
_TORCHVISION = ("", ".datasets", ".ops", ".ops.misc", ".transforms", ".transforms.functional")


def timm_model(name: str, **kwargs):
    """timm's network `name` in eval mode, weights random from a fixed seed; skips the test where it is not installed.

    Nothing is left at a start that a mistake could pass: biases and gains are off zero, norms' scales off one, and
    their statistics are those of random inputs, moved a little, so that activations stay near one through any depth.
    """
    torch = pytest.importorskip("torch")
    timm = timm_library()
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        model = timm.create_model(name, **kwargs).eval()
        for path, weight in model.named_parameters():
            owner = model.get_submodule(path.rpartition(".")[0])
            if path.endswith("gain") or isinstance(owner, torch.nn.BatchNorm2d):
                weight.uniform_(0.7, 1.3)
            elif isinstance(owner, torch.nn.Linear):
                weight.normal_(0, weight.shape[-1] ** -0.5)
            if path.endswith("bias"):
                weight.normal_(0, 0.1)
        norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
        hooks = [norm.register_forward_pre_hook(_settle) for norm in norms]
        # Pictures that differ in brightness too, in the range of slices after the scaling for ImageNet.
        channels = kwargs.get("in_chans", 3)
        model(torch.randn(8, channels, 96, 96) + torch.randn(8, channels, 1, 1))
        for hook in hooks:
            hook.remove()
        return model


def timm_tensors(model) -> dict[str, np.ndarray]:
    """The tensors of a checkpoint of the model, by name, as `read_checkpoint` gives them."""
    return {name: tensor.float().numpy() for name, tensor in model.state_dict().items()}


def _settle(norm, inputs):
    """Statistics near those of what arrives, so that what leaves is near one, in turn through the depth.

    No channel's variance is far below the others': where it is, other pictures than these grow from layer to layer.
    """
    import torch

    variance, mean = torch.var_mean(inputs[0], dim=(0, 2, 3))
    norm.running_mean.copy_(mean + 0.1 * variance.sqrt() * torch.randn_like(mean))
    norm.running_var.copy_((variance + variance.mean()) * torch.empty_like(variance).uniform_(0.5, 1))


def timm_library():
    try:
        import torchvision  # noqa: F401
    except ImportError:
        # There is no build of torchvision for the CPU build of PyTorch on the package index. The stand-in goes again
        # once timm is imported, lest anything else believe in it.
        names = [f"torchvision{name}" for name in _TORCHVISION]
        sys.modules |= {name: MagicMock() for name in names}
        try:
            return pytest.importorskip("timm")
        finally:
            for name in names:
                del sys.modules[name]
    return pytest.importorskip("timm")
