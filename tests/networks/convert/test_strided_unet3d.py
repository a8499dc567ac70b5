import numpy as np
import pytest

from tests.networks.test_strided_unet3d import monai_unet, volumes
from tests.parity import report
from tfcovid import InputError
from tfcovid.networks.convert.strided_unet3d import from_monai
from tfcovid.networks.fold import fold
from tfcovid.networks.strided_unet3d import StridedUNet3DVariant, strided_unet3d

WIDTHS = (8, 12, 16, 20)
SHAPE = (16, 24, 32, 2)


@pytest.fixture(params=["batch", "instance"])
def peer(request):
    """MONAI's network, its biases, slopes and norms off the start on which a mistake could hide."""
    torch = pytest.importorskip("torch")
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        peer = monai_unet(WIDTHS, 3, 2, request.param)
        for name, weight in peer.named_parameters():
            if ".A." in name:
                weight.uniform_(0.1, 0.4)
            elif name.endswith("bias"):
                weight.normal_(0, 0.2)
            elif ".N." in name:
                weight.uniform_(0.7, 1.3)
        for module in peer.modules():
            if isinstance(module, torch.nn.BatchNorm3d):
                module.momentum = 1.0
        peer.train()(torch.tensor(volumes(SHAPE, seed=1)).movedim(-1, 1))
    return peer.eval()


def tensors_of(peer):
    return {name: tensor.numpy() for name, tensor in peer.state_dict().items()}


def test_converted_weights_give_what_monai_gives(peer):
    import torch

    tensors = tensors_of(peer)
    norm = "batch" if any("running_mean" in name for name in tensors) else "instance"
    network = strided_unet3d(3, SHAPE, StridedUNet3DVariant(WIDTHS, norm), activation=None)
    arrays = from_monai(tensors)
    assert arrays.keys() == {layer.name for layer in network.layers if layer.weights}
    for name, values in arrays.items():
        network.get_layer(name).set_weights(values)
    x = volumes(SHAPE)
    with torch.no_grad():
        expected = peer(torch.tensor(x).movedim(-1, 1)).movedim(1, -1).numpy()
    found = np.asarray(network(x))
    report(f"strided_unet3d, {norm}", "MONAI", found, expected)
    assert expected.std() > 0.3
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(fold(network)(x), expected, rtol=1e-5, atol=1e-5)


def test_other_checkpoints_are_refused(peer):
    tensors = tensors_of(peer)
    missing = "model.1.submodule.0.residual.weight"
    with pytest.raises(InputError, match=rf"no tensor {missing}, which would be part of encode2_shortcut"):
        from_monai({name: tensor for name, tensor in tensors.items() if name != missing})
    with pytest.raises(InputError, match=r"1 tensors that no such UNet has\. Received: swin"):
        from_monai({**tensors, "swin": np.zeros(1)})
