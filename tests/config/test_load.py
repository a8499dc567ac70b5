import pytest

from tfcovid.config import load_config, shipped_configs, write_config
from tfcovid.errors import InputError

SMALL = """\
name: small
labels: [healthy, sick]
crop: {method: m3, size: [32, 32]}
slice_net:
  kind: m3lung
slice_training:
  epochs: 2
  batch: 4
  learning_rate: 0.1
patient_net: {kind: mean}
"""


@pytest.fixture
def small(tmp_path):
    """Writes the small config, with `old` replaced by `new`, and returns its path."""

    def write(old="", new=""):
        path = tmp_path / "small.yaml"
        path.write_text(SMALL.replace(old, new, 1) if old else SMALL, encoding="utf-8")
        return path

    return write


def message(source, *settings):
    with pytest.raises(InputError) as raised:
        load_config(source, settings)
    return str(raised.value)


@pytest.mark.parametrize("name", sorted(shipped_configs()))
def test_a_shipped_config_loads_by_name_and_is_read_back_as_it_was_written(name, tmp_path):
    config = load_config(name)
    assert config.name == name
    write_config(config, tmp_path / "written.yaml")
    assert load_config(tmp_path / "written.yaml") == config


def test_every_value_is_written_and_read_back(small, tmp_path):
    odd = ("labels=['yes', 'null', '1e3', 'ä: #']", "eight_bit={center: -500}", "selection={method: ssfl, length: 7}")
    config = load_config(small(), odd)
    written = tmp_path / "written.yaml"
    write_config(config, written)
    assert load_config(written) == config
    assert config.labels == ("yes", "null", "1e3", "ä: #")
    assert config.selection.length == 7
    assert "deterministic: true" in written.read_text(encoding="utf-8")  # a default, stated all the same


def test_a_file_comes_before_a_shipped_config_of_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo").write_text(SMALL)
    assert load_config("demo").name == "small"


def test_settings_change_values_on_any_level(small):
    config = load_config(
        small(), ("seed=7", "crop.margin=3", "eight_bit.width=900", "slice_training.learning_rate=1e-3")
    )
    assert (config.seed, config.crop.margin, config.eight_bit.width) == (7, 3, 900)
    assert config.slice_training.learning_rate == 0.001
    assert config.crop.size == (32, 32)


# Line by line: 4 slice_net, 5 kind, 6 slice_training, 7 epochs, 8 batch, 9 learning_rate, 10 patient_net.
@pytest.mark.parametrize(
    "old, new, expected",
    [
        (
            "  epochs: 2",
            "  epoch: 2",
            [
                "{path}, line 7: slice_training.epoch: no such key. Did you mean 'epochs'? Valid: epochs, batch, "
                "learning_rate, drop, cosine, optimizer, ",
                "{path}, line 6: slice_training.epochs: missing; this key has no default.",
            ],
        ),
        (
            "method: m3",
            "method: m4",
            [
                "{path}, line 3: crop.method: no such value. Did you mean 'm3'? Valid: m3, attention_unet, body, "
                "none. Received: 'm4'"
            ],
        ),
        ("name: small\n", "", ["{path}: name: missing; this key has no default."]),
        (
            "  batch: 4",
            "  batch: 0",
            ["{path}, line 8: slice_training.batch: Input should be greater than or equal to 1. Received: 0"],
        ),
        (
            "crop: {method: m3, size: [32, 32]}",
            "crop: m3",
            [
                "{path}, line 3: crop: not a value but a mapping of keys: method, margin, box, size, outside, "
                "segmenter. Received: 'm3'"
            ],
        ),
        (
            "size: [32, 32]",
            "size: [32, wide]",
            [
                "{path}, line 3: crop.size.1: Input should be a valid integer, unable to parse string as an integer. "
                "Received: 'wide'"
            ],
        ),
        (
            "patient_net: {kind: mean}",
            "patient_net: {kind: mean}\nslicenet: {}",
            [
                "{path}, line 11: slicenet: no such key. Did you mean 'slice_net'? Valid: name, labels, notice, lungs, "
                "crop, window, eight_bit, selection, head, slice_net, "
            ],
        ),
        (
            "  kind: m3lung",
            "  kind: m3lung\n  multi_task: false",
            ["{path}, line 4: slice_net.attention: true needs multi_task: true, which makes the attention map."],
        ),
        ("labels: [healthy, sick]", "labels: [sick, sick]", ["{path}, line 2: labels: a label stands twice."]),
        (
            "kind: m3lung",
            "kind: m3lun",
            [
                "{path}, line 5: slice_net.kind: no such value. Did you mean 'm3lung'? Valid: m3lung, classifier, "
                "res_dense, eff_mix_conv, outlined. Received: 'm3lun'"
            ],
        ),
        (
            "kind: m3lung",
            "backbone: resnet50",
            [
                "{path}, line 4: slice_net.kind: missing; it says which one. "
                "Valid: m3lung, classifier, res_dense, eff_mix_conv, outlined."
            ],
        ),
        (
            "kind: m3lung",
            "kind: m3lung\n  variant: resnet50",
            [
                "{path}, line 6: slice_net.variant: no such key of kind m3lung. Valid: kind, backbone, weights, "
                "multi_task, attention, coordinates, distance, dropout."
            ],
        ),
        (
            "kind: m3lung",
            "kind: classifier\n  variant: resnet5",
            ["{path}, line 6: slice_net.variant: no such value. Did you mean 'resnet50'? Valid: resnet10_compact, "],
        ),
        (
            "slice_net:\n  kind: m3lung",
            "slice_net: m3lung",
            [
                "{path}, line 4: slice_net: not a value but a mapping of keys: kind, one of m3lung, classifier, "
                "res_dense, eff_mix_conv, outlined, and its own. Received: 'm3lung'"
            ],
        ),
        (
            "kind: m3lung",
            "kind: res_dense\n  weights: {resnet101: 3}",
            [
                "{path}, line 6: slice_net.weights: Input should be a valid string.",
                "{path}, line 6: slice_net.weights.resnet101: Input should be a valid string. Received: 3",
            ],
        ),
        (
            "  epochs: 2",
            "  epochs: 2\n  phases:\n    - {heads_only: true, freez: 9}\n    - 3",
            [
                "{path}, line 9: slice_training.phases.0.epochs: missing; this key has no default.",
                "{path}, line 9: slice_training.phases.0.freez: no such key. Did you mean 'freeze'? Valid: epochs, "
                "heads_only, freeze, learning_rate.",
                "{path}, line 10: slice_training.phases.1: not a value but a mapping of keys: epochs, heads_only, "
                "freeze, learning_rate. Received: 3",
            ],
        ),
        (
            "  epochs: 2",
            "  epochs: 2\n  phases: [{epochs: 1}]",
            ["{path}, line 8: slice_training.phases: their epochs add up to 1, epochs is 2."],
        ),
    ],
    ids=[
        "key",
        "value",
        "missing",
        "range",
        "not-a-mapping",
        "in-a-list",
        "top-level-key",
        "two-values",
        "whole-config",
        "kind",
        "no-kind",
        "key-of-another-kind",
        "value-of-a-kind",
        "kind-without-key",
        "string-or-mapping",
        "in-a-phase",
        "phases-together",
    ],
)
def test_a_fault_names_file_line_key_and_what_is_valid(small, old, new, expected):
    path = small(old, new)
    lines = message(path).splitlines()
    assert len(lines) == len(expected)
    for line, start in zip(sorted(lines), sorted(expected), strict=True):
        assert line.startswith(start.format(path=path))


def test_all_faults_are_told_at_once(small):
    path = small("labels: [healthy, sick]", "labels: [healthy]\nseed: -1")
    assert [line.split(":")[0] for line in message(path).splitlines()] == [f"{path}, line 2", f"{path}, line 3"]


@pytest.mark.parametrize(
    "change, words",
    [
        ("labels=[healthy, healthy]", "a label stands twice"),
        ("patient_net.kind=multi_scale", "patient_training is missing"),
        ("window.train=[-500, -700]", "the lower centre comes first"),
        ("name=a/b", "name"),
    ],
)
def test_values_that_do_not_fit_together_are_refused(small, change, words):
    assert words in message(small(), change)


def test_bad_yaml_is_told_with_its_line(small):
    path = small("  batch: 4", "  batch: 'four")
    assert message(path) == f"{path}, line 11: not readable as YAML: found unexpected end of stream"


def test_what_is_no_mapping_or_no_text_is_refused(tmp_path):
    path = tmp_path / "config.yaml"
    for content, received in ((b"- a\n- b\n", "list"), (b"", "NoneType"), (b"m3lung", "str")):
        path.write_bytes(content)
        assert message(path) == f"{path}: a config is a YAML mapping of keys to values. Received: {received}"
    path.write_bytes(b"\xff\xfe\x00\x01")
    assert message(path).startswith(f"{path}: not readable as YAML: ")


def test_an_unknown_name_lists_the_shipped_configs_and_the_nearest():
    words = message("m3lun")
    assert "Did you mean m3lung?" in words and words.endswith("Received: m3lun")
    assert all(name in words for name in shipped_configs())


@pytest.mark.parametrize(
    "setting, words",
    [
        ("seed", "a setting is key=value, such as slice_training.epochs=2. Received: seed"),
        ("name.first=1", "'name' holds a value, not further keys. Received: name.first=1"),
        ("seed=[1", "the value is not readable as YAML. Received: seed=[1"),
        ("crop.sze=[1,1]", "crop.sze: no such key. Did you mean 'size'?"),
        (
            "slice_training.optimizer=sgdd",
            "no such value. Did you mean 'sgd'? Valid: sgd, adam, rmsprop. Received: 'sgdd'",
        ),
        (
            "patient_net.kind=mea",
            "--set patient_net.kind: no such value. Did you mean 'mean'? Valid: mean, max_scores,",
        ),
        ("patient_net.threshold=0.5", "--set patient_net.threshold: no such key of kind mean or max_scores. Valid: "),
        ("slice_training.cosine.warm_up=2", "--set slice_training.cosine.warm_up: all of the 2 epochs"),
        ("slice_training.phases=[{epochs: 2, freez: 1}]", "--set slice_training.phases.0.freez: no such key."),
    ],
)
def test_a_wrong_setting_is_told(small, setting, words):
    assert words in message(small(), setting)


def test_another_kind_drops_the_keys_of_the_former_and_nothing_that_was_set_for_it(small):
    path = small("kind: mean", "kind: mean, slices: 3, draws: 2")
    assert load_config(path, ["patient_net.kind=mean"]).patient_net.slices == 3
    for settings in (
        ["patient_net.kind=nonparametric", "patient_net.threshold=0.5"],
        ["patient_net.threshold=0.5", "patient_net.kind=nonparametric"],
    ):
        net = load_config(path, settings).patient_net
        assert net.model_dump() == {"kind": "nonparametric", "threshold": 0.5}
