import pickle
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tfcovid import InputError
from tfcovid.networks.convert.torch_file import read_torch_file

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


def text(value: str) -> bytes:
    return b"V" + value.encode() + b"\n"


def numbers(*values: int) -> bytes:
    return b"(" + b"".join(b"I%d\n" % value for value in values) + b"t"


def tensor(key="0", kind="FloatStorage", offset=0, size=(2, 3), stride=(3, 1)) -> bytes:
    """The instructions of a pickle that make a tensor, as PyTorch writes them."""
    storage = b"(" + text("storage") + f"ctorch\n{kind}\n".encode() + text(key) + text("cpu") + b"I6\ntQ"
    view = b"I%d\n" % offset + numbers(*size) + numbers(*stride)
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + view + b"I00\nccollections\nOrderedDict\n)RtR"


def dictionary(**values: bytes) -> bytes:
    return b"}" + b"".join(b"(" + text(name) + value + b"u" for name, value in values.items())


def write_zip(path, described: bytes, **storages: bytes):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/data.pkl", b"\x80\x02" + described + b".")
        for key, content in storages.items():
            archive.writestr(f"model/data/{key.removeprefix('s')}", content)
    return path


def write_legacy(path, described: bytes, *storages: tuple[str, int, bytes], keys=None):
    system = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {}}
    parts = [pickle.dumps(value, 2) for value in (MAGIC, PROTOCOL, system)]
    parts += [b"\x80\x02" + described + b".", pickle.dumps(keys or [key for key, _, _ in storages], 2)]
    parts += [struct.pack("<q", count) + content for _, count, content in storages]
    path.write_bytes(b"".join(parts))
    return path


SIX = np.arange(6, dtype="<f4").tobytes()


@pytest.fixture(params=["zip", "legacy"])
def write(request, tmp_path):
    """Writes a file of either format with one storage of six numbers."""

    def of(described: bytes):
        if request.param == "zip":
            return write_zip(tmp_path / "model.pth", described, s0=SIX)
        return write_legacy(tmp_path / "model.pth", described, ("0", 6, SIX))

    return of


def test_tensors_are_views_of_their_storages(write):
    turned = tensor(size=(3, 2), stride=(1, 3))
    column = tensor(offset=1, size=(2,), stride=(3,))
    single, nothing = tensor(offset=5, size=(), stride=()), tensor(size=(0, 4), stride=(4, 1))
    read = read_torch_file(write(dictionary(plain=tensor(), turned=turned, column=column, one=single, none=nothing)))
    plain = np.arange(6, dtype="float32").reshape(2, 3)
    np.testing.assert_array_equal(read["plain"], plain)
    np.testing.assert_array_equal(read["turned"], plain.T)
    np.testing.assert_array_equal(read["column"], [1, 4])
    assert read["one"] == 5 and read["one"].shape == () and read["none"].shape == (0, 4)


def test_every_type_of_number(tmp_path):
    values = np.array([1.5, -2, 0])
    kinds = {
        "DoubleStorage": "<f8",
        "FloatStorage": "<f4",
        "HalfStorage": "<f2",
        "IntStorage": "<i4",
        "LongStorage": "<i8",
    }
    for name, kind in kinds.items():
        file = write_zip(
            tmp_path / f"{name}.pth", tensor(kind=name, size=(3,), stride=(1,)), s0=values.astype(kind).tobytes()
        )
        np.testing.assert_array_equal(read_torch_file(file), values.astype(kind))
    upper_halves = (values.astype("<f4").view("<u4") >> 16).astype("<u2").tobytes()
    file = write_zip(tmp_path / "half.pth", tensor(kind="BFloat16Storage", size=(3,), stride=(1,)), s0=upper_halves)
    np.testing.assert_array_equal(read_torch_file(file), values)


@pytest.mark.parametrize(
    "payload",
    [
        b"cos\nsystem\n(" + text("touch ran") + b"tR",
        b"cbuiltins\neval\n(" + text("1 + 1") + b"tR",
        b"(" + text("touch ran") + b"ios\nsystem\n",
        b"ctorch\nload\n(" + text("x") + b"tR",
        b"ctorch\nFloatStorage.__init__\n",
        b"ctorch._utils\n_rebuild_tensor_v2.__globals__\n",
        b"ctorch\nFloatStorage\n(I3\ntR",
        tensor() + dictionary(size=numbers(-9)) + b"b",
        b"ccollections\nOrderedDict\n" + dictionary(pop=numbers(1)) + b"b",
    ],
    ids=["system", "eval", "inst", "load", "dotted", "globals", "storage called", "tensor changed", "class changed"],
)
def test_what_is_no_tensor_is_refused_and_not_run(payload, write, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for described in (payload, dictionary(state_dict=dictionary(weight=payload))):
        file = write(described)
        with pytest.raises(InputError, match=r"nothing in it was run.*Received: .*model\.pth"):
            read_torch_file(file)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("described", "says"),
    [
        (tensor(size=(2, 4), stride=(3, 1)), "reaches beyond its storage 0"),
        (tensor(offset=7, size=(1,), stride=(1,)), "reaches beyond its storage 0"),
        (tensor(offset=2**62, size=(2,), stride=(2**62,)), "reaches beyond its storage 0"),
        (tensor(size=(2,), stride=(-1,)), "not described as PyTorch does"),
        (tensor(size=(2**40,), stride=(0,)), r"would take 4,398,046,511,104 bytes"),
        (tensor(size=(2, 3), stride=(1,)), "damaged"),
    ],
)
def test_a_tensor_outside_its_storage_is_refused(described, says, write):
    with pytest.raises(InputError, match=rf"{says}.*Received: .*model\.pth"):
        read_torch_file(write(described))


def test_a_file_that_is_cut_short_or_packed_is_refused(tmp_path):
    short = write_legacy(tmp_path / "short.pth", tensor(), ("0", 6, SIX[:-1]))
    negative = write_legacy(tmp_path / "negative.pth", tensor(), ("0", -6, SIX))
    stray = write_legacy(tmp_path / "stray.pth", tensor(), ("0", 6, SIX), ("1", 6, SIX))
    packed = tmp_path / "packed.pth"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model/data.pkl", b"\x80\x02" + tensor() + b".")
    lacking = write_zip(tmp_path / "lacking.pth", tensor())
    says = {
        short: "ends early",
        negative: "ends early",
        stray: "storage 1",
        packed: "compressed",
        lacking: "no model/data/0",
    }
    for file, words in says.items():
        with pytest.raises(InputError, match=words):
            read_torch_file(file)


def test_a_list_that_holds_another_many_times_takes_no_time(tmp_path):
    # Each level holds the one below ten times: memo 0 is the innermost list.
    levels = b"]q\x00" + b"".join(b"](" + b"h%c" % n * 10 + b"eq%c" % (n + 1) for n in range(60))
    assert len(read_torch_file(write_zip(tmp_path / "levels.pth", levels))) == 10


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 10_000), value=st.integers(0, 255))
@pytest.mark.parametrize("kind", ["zip", "legacy"])
def test_a_changed_byte_is_read_or_refused_in_words(place, value, kind, tmp_path):
    described = dictionary(plain=tensor(), turned=tensor(size=(3, 2), stride=(1, 3)))
    file = tmp_path / "changed.pth"
    write_zip(file, described, s0=SIX) if kind == "zip" else write_legacy(file, described, ("0", 6, SIX))
    content = bytearray(file.read_bytes())
    content[place % len(content)] = value
    file.write_bytes(content)
    try:
        read_torch_file(file)
    except InputError as error:
        assert f"Received: {file}" in str(error)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_equals_torch(zipped, tmp_path):
    torch = pytest.importorskip("torch")
    base = torch.arange(24.0).reshape(2, 3, 4)
    values = {
        "plain": base,
        "turned": base.transpose(0, 2),
        "part": base[1:, ::2],
        "half": base.half(),
        "bfloat16": (base / 7).bfloat16(),
        "long": base.long(),
        "flags": base > 3,
        "bytes": base.to(torch.uint8),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
        "parameter": torch.nn.Parameter(base[0]),
    }
    file = tmp_path / "peer.pth"
    torch.save({"epoch": 3, "state_dict": values}, file, _use_new_zipfile_serialization=zipped)
    read = read_torch_file(file)
    assert read["epoch"] == 3 and read["state_dict"].keys() == values.keys()
    for name, value in values.items():
        value = value.detach()
        expected = value.float().numpy() if value.dtype == torch.bfloat16 else value.numpy()
        assert read["state_dict"][name].dtype == expected.dtype
        np.testing.assert_array_equal(read["state_dict"][name], expected)
