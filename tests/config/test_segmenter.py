import pytest
import yaml

from tfcovid.config import Segmenter, load_config, write_config
from tfcovid.errors import InputError

LUNGS = """\
name: small_lungs
labels: [background, lung]
network: {kind: attention_unet, size: [32, 32]}
training:
  epochs: 2
  batch: 4
  learning_rate: 0.1
"""

SYSTEM = """\
name: small
labels: [healthy, sick]
crop: {method: attention_unet, margin: -5, size: [32, 32]}
slice_net: {kind: m3lung}
slice_training: {epochs: 2, batch: 4, learning_rate: 0.1}
patient_net: {kind: mean}
lungs:
"""

INFECTION = {"kind": "unet3d", "patch": [8, 16, 16]}


def message(source, *settings):
    with pytest.raises(InputError) as raised:
        load_config(source, settings)
    return str(raised.value)


# Line by line: 1 task, 2 name, 3 labels, 4 network, 5 training, 6 epochs, 7 batch, 8 learning_rate.
@pytest.mark.parametrize(
    "old, new, line, told",
    [
        ("background, lung", "lung, background", 3, "labels: background comes first, and none stands twice."),
        ("background, lung", "background, lung, lung", 3, "labels: background comes first, and none stands twice."),
        ("background, lung", "background, lung, left lung, right lung", 3, "labels: the lungs stand together or told"),
        ("background, lung", "background, left lung", 3, "labels: left lung and right lung go together"),
        (
            "background, lung",
            "background, lungs",
            3,
            "labels.1: no such value. Did you mean 'lung'? Valid: background,",
        ),
        ("size: [32, 32]", "size: [32, 40]", 4, "network.size: five poolings need sides that divide by 32."),
        ("size: [32, 32]", "patch: [8, 16, 16]", 4, "network.patch: no such key of kind attention_unet."),
        ("kind: attention_unet, size: [32, 32]", "kind: unet3d", 4, "network.guidance: clicks are on the label infec"),
        ("epochs: 2", "class_weights: true\n  epochs: 2", 6, "training.class_weights: it is for classifiers"),
        ("epochs: 2", "best_by: auc\n  epochs: 2", 6, "training.best_by: no such value. Valid: loss, dice."),
    ],
)
def test_a_fault_names_file_line_and_key_alone_and_within_a_system(tmp_path, old, new, line, told):
    faulty = LUNGS.replace(old, new, 1)
    assert faulty != LUNGS
    path = tmp_path / "config.yaml"
    path.write_text("task: segment\n" + faulty)
    assert message(path).startswith(f"{path}, line {line}: {told}")
    path.write_text(SYSTEM + "".join(f"  {one}\n" for one in faulty.splitlines()))
    assert message(path).startswith(f"{path}, line {line + 6}: lungs.{told}")


def test_patches_that_a_network_cannot_take_are_told_before_anything_is_read():
    infection = "then.segmenter.network"
    told = message("res_unet3d", f"{infection}.patch=[120, 136, 130]")
    assert "patch: three poolings need sides that divide by 8. Received: [120, 136, 130]" in told
    told = message("res_unet3d", f"{infection}.padding=valid")
    assert "patch: without padding the sides are 92 or a multiple of 8 more" in told and "[120, 136, 136]" in told
    load_config("res_unet3d", [f"{infection}.padding=valid", f"{infection}.patch=[116, 132, 92]"])


@pytest.mark.parametrize("flip, fits", [("horizontal", False), ("both", False), ("vertical", True), ("none", True)])
def test_lungs_that_are_told_apart_are_never_mirrored(flip, fits):
    settings = ["labels=[background, left lung, right lung]", f"training.augmentation.flip={flip}"]
    if fits:
        assert load_config("lungs", settings).tells_sides
    else:
        assert "training.augmentation.flip: mirrored lungs change sides; take none or vertical" in message(
            "lungs", *settings
        )


def test_guidance_is_for_the_label_infection_alone():
    settings = [f"network={INFECTION}", "labels=[background, lung]"]
    assert "network.guidance: clicks are on the label infection" in message("lungs", *settings)
    assert load_config("lungs", [*settings, "network.guidance=null"]).guidance is None
    assert load_config("lungs", [settings[0], "labels=[background, lung, infection]"]).guidance.clicks == 5
    assert load_config("lungs").guidance is None


@pytest.mark.parametrize(
    "name, settings, told",
    [
        ("res_unet3d", ["then.when=[flu]"], "then: when names labels of this system. Received: ['flu']"),
        ("res_unet3d", ["then.bundle=lungs"], "then.bundle: name the bundle of a segmenter, or have one trained"),
        ("res_unet3d", ["then.segmenter=null"], "then.bundle: name the bundle of a segmenter, or have one trained"),
        ("m3lung", ["crop.margin=-1"], "crop.margin: below 0 is for method attention_unet. Received: -1"),
        ("m3lung", ["crop.outside=white"], "crop.outside: it takes the lungs of method attention_unet"),
        ("attn_crop", ["crop.method=body", "crop.margin=0"], "lungs: they are for crop.method attention_unet"),
        (
            "attn_crop",
            [f"lungs.network={INFECTION}", "lungs.labels=[background, infection]"],
            "no lung among its label",
        ),
    ],
)
def test_parts_of_a_system_that_do_not_go_together_are_refused(name, settings, told):
    assert told in message(name, *settings)


def test_the_papers_systems_change_their_segmenters_by_settings():
    two = load_config("res_unet3d").then.segmenter
    four = load_config("res_unet3d", ["then.segmenter.labels=[background,left lung,right lung,infection]"])
    assert two.labels == ("background", "infection") and two.guidance.clicks == 15
    assert four.then.segmenter.labels[3] == "infection" and four.then.segmenter.tells_sides
    named = load_config("res_unet3d", ["then.segmenter=null", "then.bundle=some/where"]).then
    assert named.segmenter is None and named.bundle == "some/where"
    assert load_config("attn_crop").lungs.labels == ("background", "lung")
    shipped = load_config("attn_crop", ["lungs=null"])
    assert shipped.lungs is None and shipped.crop.segmenter == "lungs"


@pytest.mark.parametrize("kind", ["alone", "lungs", "then"])
def test_a_segmenter_is_read_back_as_it_was_written(kind, tmp_path, tiny_infection):
    config = {
        "alone": lambda: tiny_infection,
        "lungs": lambda: load_config(
            "attn_crop", ["lungs.training.augmentation.gamma=0.25", "lungs.network.dropout=0.1"]
        ),
        "then": lambda: load_config("res_unet3d", ["then.segmenter.network.guidance=null"]),
    }[kind]()
    write_config(config, tmp_path / "written.yaml")
    again = load_config(tmp_path / "written.yaml")
    assert again == config and type(again) is type(config)
    assert yaml.safe_load((tmp_path / "written.yaml").read_text()).get("task") == (
        "segment" if kind == "alone" else None
    )
    assert isinstance(load_config("lungs"), Segmenter)
