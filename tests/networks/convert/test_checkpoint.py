import pickle

import numpy as np
import pytest

from tfcovid import InputError
from tfcovid.networks.convert import read_checkpoint


def test_pth_and_safetensors_hold_the_same(tmp_path):
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    tensors = {"conv.weight": torch.arange(6.0).reshape(2, 3), "half": torch.ones(2, dtype=torch.bfloat16)}
    save_file(tensors, tmp_path / "peer.safetensors")
    torch.save({"epoch": 3, "state_dict": {f"module.{name}": one for name, one in tensors.items()}}, tmp_path / "p.pth")
    for name in ("peer.safetensors", "p.pth"):
        found = read_checkpoint(tmp_path / name)
        assert {key: value.dtype.name for key, value in found.items()} == {"conv.weight": "float32", "half": "float32"}
        np.testing.assert_array_equal(found["conv.weight"], np.arange(6).reshape(2, 3))


def test_code_in_a_checkpoint_is_not_run(tmp_path):
    class Payload:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    (tmp_path / "evil.pth").write_bytes(pickle.dumps({"state_dict": Payload()}))
    with pytest.raises(InputError, match=r"nothing in it was run.*evil\.pth"):
        read_checkpoint(tmp_path / "evil.pth")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("missing.safetensors", "no such checkpoint"),
        ("notes.txt", r"is a \.safetensors, \.pth, \.pt or \.bin file"),
        ("broken.safetensors", "not a readable safetensors file"),
    ],
)
def test_what_is_no_checkpoint(name, says, tmp_path):
    if not name.startswith("missing"):
        (tmp_path / name).write_bytes(b"not a network")
    with pytest.raises(InputError, match=rf"{says}.*Received: .*{name}"):
        read_checkpoint(tmp_path / name)
