import pytest
from click.testing import CliRunner

from tfcovid.cli import main


def run(*arguments):
    return CliRunner().invoke(main, ["weights", *map(str, arguments)])


def test_list_says_where_weights_come_from():
    lines = {line.split()[0]: line for line in run("list").output.splitlines() if line.strip()}
    assert "keras ResNet50" in lines["resnet50"] and "Apache-2.0" in lines["resnet50"]
    assert "timm eca_nfnet_l0.ra2_in1k" in lines["eca_nfnet_l0"] and "convert" in lines["eca_nfnet_l0"]
    assert "package, installed" in lines["efficientnet_lite0"] and "Apache-2.0" in lines["efficientnet_lite0"]
    assert "efficientnet_b3_ra2_imagenet" in lines["efficientnet_b3_timm"]


def test_list_of_one_family_shows_only_that():
    output = run("list", "densenet").output
    assert "densenet169" in output and "resnet" not in output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("list", "vgg"), "no such network; families are resnet"),
        (("convert", "none/resnet18.safetensors", "out.weights.h5"), "no such checkpoint"),
        (("convert", "none/resnet18.safetensors", "out.h5"), "names weight files .weights.h5. Received: out.h5"),
        (("convert", "model.safetensors", "out.weights.h5"), "give --network"),
        (("convert", "a.pth", "out.weights.h5", "--network", "resnet50"), "no converter for resnet50"),
    ],
)
def test_bad_input_is_two_and_a_line(arguments, says):
    result = run(*arguments)
    assert result.exit_code == 2
    assert says in result.output
    assert "Traceback" not in result.output
