import keras
import numpy as np

from tests.networks.timm_models import timm_tensors
from tests.parity import report
from tfcovid.networks.build import build
from tfcovid.networks.convert.convert import convert_checkpoint

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def assert_same_as_timm(variant: str, model, tmp_path, sides=((64, 64), (61, 39))) -> None:
    """A checkpoint of timm's model, converted and loaded, gives the model's pooled features and logits.

    Of an odd side one sees on which end of it a stride pads.
    """
    import torch
    from safetensors.numpy import save_file

    tensors = timm_tensors(model)
    # Its bytes are written as they lie: a tensor in another order of axes would come back as another.
    save_file({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, tmp_path / "peer.safetensors")
    file = tmp_path / "converted.weights.h5"
    facts = convert_checkpoint(tmp_path / "peer.safetensors", file, variant)
    assert facts["parameters"] == sum(
        tensor.size for name, tensor in tensors.items() if not name.endswith("num_batches_tracked")
    )
    network = build(variant, facts["classes"], (None, None, 3), weights=str(file), activation=None)
    network = keras.Model(network.input, [network.get_layer("features").output, network.output])
    for height, width in sides:
        slices = np.random.default_rng(2).uniform(size=(2, height, width, 3)).astype("float32")
        pixels = ((slices - _MEAN) / _DEVIATION).astype("float32").transpose(0, 3, 1, 2)
        with torch.no_grad():
            maps = model.forward_features(torch.from_numpy(pixels))
            expected = [model.forward_head(maps, pre_logits=True).numpy(), model.forward_head(maps).numpy()]
        for name, found, right in zip(("features", "logits"), network(slices), expected, strict=True):
            found = keras.ops.convert_to_numpy(found)
            report(f"{variant} {name}, {(height, width)}", "timm", found, right)
            assert right.std() > 0.05
            # A hundred layers come to a thousandth of the spread in float32, twice the epsilon to thirty thousandths, a
            # pixel off to many times the spread.
            np.testing.assert_allclose(found, right, rtol=1e-3, atol=1e-3 * right.std())
