import pytest

from tfcovid.errors import InputError
from tfcovid.serve.signature import Signature, Tensor


def described(**one):
    return {"metadata": {"signature_def": {"signature_def": one}}}


def test_signatures_as_rest_describes_them():
    hu = {"dtype": "DT_INT16", "tensor_shape": {"dim": [{"size": "-1", "name": ""}, {"size": "64"}]}}
    any_rank = {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [], "unknown_rank": True}}
    label = {"dtype": "DT_INT32", "tensor_shape": {"dim": [], "unknown_rank": False}}
    found = Signature.all_of(
        described(
            scan={"inputs": {"hu": hu}, "outputs": {"label": label, "map": any_rank}},
            __saved_model_init_op={"inputs": {}, "outputs": {"op": label}},
        )
    )
    assert found == {
        "scan": Signature(
            {"hu": Tensor("DT_INT16", (None, 64))}, {"label": Tensor("DT_INT32", ()), "map": Tensor("DT_FLOAT", None)}
        )
    }
    assert str(found["scan"].inputs["hu"]) == "int16 (any, 64)"
    assert found["scan"].inputs["hu"].fits((3, 64)) and not found["scan"].inputs["hu"].fits((3, 65))
    assert not found["scan"].inputs["hu"].fits((3, 64, 1)) and found["scan"].outputs["map"].fits((1, 2, 3))


@pytest.mark.parametrize(
    "metadata", [{}, {"metadata": None}, described(scan={"inputs": [1], "outputs": [1]}), described(scan=3)]
)
def test_what_describes_no_model(metadata):
    with pytest.raises(InputError, match="not TF Serving's"):
        Signature.all_of(metadata)


def test_a_type_that_cannot_be_carried():
    with pytest.raises(InputError, match="DT_RESOURCE"):
        _ = Tensor("DT_RESOURCE", ()).numpy
