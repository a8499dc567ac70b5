import keras
import numpy as np
import pytest

from tests.layers.shared_check import check
from tests.parity import report
from tfcovid.layers.attention_gate import AttentionGate

SKIP, GATING, INNER = 4, 6, 5


def inputs(rank, stride=1, seed=0):
    generator = np.random.default_rng(seed)
    sides = (4, 6, 8)[-rank:]
    coarse = tuple(side // stride for side in sides)
    return (
        generator.normal(size=(2, *sides, SKIP)).astype("float32"),
        generator.normal(size=(2, *coarse, GATING)).astype("float32"),
    )


def gate(rank, seed=1, **options):
    """Norms and biases off their start values, and attention far from even."""
    layer = AttentionGate(INNER, **options)
    layer.build((None,) * (rank + 1) + (SKIP,), (None,) * (rank + 1) + (GATING,))
    generator = np.random.default_rng(seed)
    for weight in layer.weights:
        size = generator.normal(size=weight.shape)
        weight.assign(np.exp(size / 3) if weight.path.endswith(("gamma", "variance")) else size)
    return layer


def test_equals_the_formula():
    layer = gate(rank=2)
    skip, gating = inputs(rank=2)
    theta, phi, phi_bias, psi, psi_bias = (np.asarray(weight, "float64") for weight in layer.weights)
    inner = np.maximum(skip @ theta[0, 0] + gating @ phi[0, 0] + phi_bias, 0)
    attention = 1 / (1 + np.exp(-(inner @ psi[0, 0] + psi_bias)))
    gated, found = layer(skip, gating)
    assert attention.std() > 0.2
    np.testing.assert_allclose(found, attention, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(gated, attention * skip, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rank", [2, 3])
def test_attention_found_on_the_coarse_grid_is_enlarged_as_pytorch_does(rank):
    torch = pytest.importorskip("torch")
    skip, gating = inputs(rank, stride=2)
    layer = gate(rank, stride=2)
    theta, phi, phi_bias, psi, psi_bias = (torch.tensor(np.asarray(weight)) for weight in layer.weights)
    convolve = torch.nn.functional.conv2d if rank == 2 else torch.nn.functional.conv3d

    def first(array):
        return torch.tensor(array).movedim(-1, 1)

    def kernel(weight):
        return weight.movedim((-1, -2), (0, 1))

    inner = torch.relu(convolve(first(skip), kernel(theta), stride=2) + convolve(first(gating), kernel(phi), phi_bias))
    attention = torch.nn.functional.interpolate(
        torch.sigmoid(convolve(inner, kernel(psi), psi_bias)), scale_factor=2, mode=("bilinear", "trilinear")[rank - 2]
    ).movedim(1, -1)
    assert attention.std() > 0.1
    np.testing.assert_allclose(layer(skip, gating)[1], attention, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rank", [2, 3])
def test_normalised_equals_monai(rank):
    torch = pytest.importorskip("torch")
    attentionunet = pytest.importorskip("monai.networks.nets.attentionunet")
    peer = attentionunet.AttentionBlock(rank, f_int=INNER, f_g=GATING, f_l=SKIP).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, tensor in peer.state_dict().items():
            if tensor.is_floating_point():
                size = torch.randn(tensor.shape, generator=generator)
                tensor.copy_(torch.exp(size / 3) if name.endswith(("1.weight", "var")) else size)
    layer = AttentionGate(INNER, normalised=True)
    skip, gating = inputs(rank)
    layer.build(skip.shape, gating.shape)
    for part, convolution, norm in (
        (peer.W_x, layer.theta, layer.theta_norm),
        (peer.W_g, layer.phi, layer.phi_norm),
        (peer.psi, layer.psi, layer.psi_norm),
    ):
        there = part[0].conv
        convolution.set_weights([there.weight.detach().movedim((0, 1), (-1, -2)).numpy()])
        # The peer's convolutions have a bias, which the norm behind takes away: it goes into the mean.
        values = part[1].weight, part[1].bias, part[1].running_mean - there.bias, part[1].running_var
        norm.set_weights([value.detach().numpy() for value in values])
    with torch.no_grad():
        expected = peer(g=torch.tensor(gating).movedim(-1, 1), x=torch.tensor(skip).movedim(-1, 1)).movedim(1, -1)
    gated, attention = layer(skip, gating)
    difference = report(f"AttentionGate, {rank}-D", "MONAI AttentionBlock", gated, expected.numpy())
    assert np.asarray(attention).std() > 0.1
    assert difference < 1e-5


@pytest.mark.parametrize(
    ("options", "shapes", "says"),
    [
        ({"channels": 0}, None, "channels is a whole number.*Received: channels=0, stride=1"),
        ({"channels": 4, "stride": 3}, None, "stride is 1 or 2.*Received: channels=4, stride=3"),
        ({"channels": 4}, ((1, 8, 8, 2), (1, 4, 4, 2)), "skip are 1 times those of gating.*stride=1"),
        ({"channels": 4, "stride": 2}, ((1, 9, 8, 2), (1, 4, 4, 2)), r"2 times.*\(1, 9, 8, 2\) and \(1, 4, 4, 2\)"),
        ({"channels": 4}, ((1, 8, 2), (1, 8, 2)), r"Received: shapes \(1, 8, 2\)"),
    ],
)
def test_refusals_say_what_fits(options, shapes, says):
    with pytest.raises(ValueError, match=says):
        layer = AttentionGate(**options)
        layer.build(*shapes)


@pytest.mark.parametrize(("rank", "options"), [(2, {"stride": 2}), (3, {"stride": 2}), (3, {"normalised": True})])
def test_shared_check(rank, options, tmp_path):
    skip, gating = inputs(rank, options.get("stride", 1))

    def make():
        sides = (None,) * rank
        ends = {
            "skip": keras.Input((*sides, SKIP), name="skip"),
            "gating": keras.Input((*sides, GATING), name="gating"),
        }
        gated, attention = AttentionGate(INNER, **options)(ends["skip"], ends["gating"])
        return keras.Model(ends, {"gated": gated, "attention": attention})

    check(make, {"skip": skip, "gating": gating}, tmp_path)
