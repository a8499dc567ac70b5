import pytest

from tfcovid.config.ablations import read_ablations, shipped_ablations
from tfcovid.errors import InputError


def test_table_v_of_m3lung_has_the_ticks_of_the_paper():
    found = read_ablations("m3lung_slices")
    assert [list(ticks.values()) for ticks in found.ticks.values()] == [
        [False, False, False],
        [True, False, False],
        [True, True, False],
        [True, True, True],
    ]
    assert list(found.ticks["Ours"]) == ["Multi-task", "Attention", "Coordinate"] and found.reference == "Ours"
    assert {config.patient_net.threshold for config in found.variants.values()} == {0.99}


def test_table_iv_of_m3lung_changes_the_patient_network_alone():
    found = read_ablations("m3lung_patients")
    slices = [config.model_dump(exclude={"patient_net", "patient_training"}) for config in found.variants.values()]
    assert all(one == slices[0] for one in slices)
    assert [sum(ticks.values()) for ticks in found.ticks.values()] == [0, 1, 1, 2, 3]
    assert [config.patient_net.kind for config in found.variants.values()] == [
        "nonparametric",
        "max",
        *["multi_scale"] * 3,
    ]
    assert found.variants["Single-scale + A. Head"].patient_net.scales == (3,)


def test_all_that_ship_are_read():
    for name in shipped_ablations():
        assert read_ablations(name).variants


def test_a_config_beside_the_file_and_settings_over_those_of_the_file(tmp_path):
    (tmp_path / "mine.yaml").write_text(
        "name: mine\nlabels: [a, b]\nslice_net: {kind: classifier}\n"
        "slice_training: {epochs: 2, batch: 2, learning_rate: 0.1}\npatient_net: {kind: mean}\n"
    )
    (tmp_path / "ablations.yaml").write_text(
        "config: mine.yaml\nset: {slice_training.epochs: 3}\ncolumns: {Mirror: mirror}\n"
        "variants: {plain: {}, mirrored: {mirror: true}}\n"
    )
    found = read_ablations(tmp_path / "ablations.yaml", ["slice_training.epochs=4"])
    assert [config.slice_training.epochs for config in found.variants.values()] == [4, 4]
    assert found.ticks == {"plain": {"Mirror": False}, "mirrored": {"Mirror": True}}
    assert found.reference == "mirrored" and found.settings["mirrored"] == ["slice_training.epochs=4", "mirror=true"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("config: demo\nvariants: {a: {}}\n", "variants: Dictionary should have at least 2 items"),
        ("config: demo\nvariant: {}\nvariants: {a: {}, b: {}}\n", "variant: Extra inputs.*Keys: config, set"),
        ("config: demo\nvariants: {a: {}, b: {slice_net.atention: false}}\n", "variant b: .*Did you mean 'attention'"),
        ("config: demo\nvariants: {a: {}, b: {}}\nreference: c\n", "reference: one of the variants: a, b. Received: c"),
        ("config: demo\nvariants: {a: {}, b: {}}\ncolumns: {X: crop.x}\n", "columns.X: no variant has this key"),
        ("config: lungs\nvariants: {a: {}, b: {}}\n", "config: a system that diagnoses is needed"),
        ("config: [demo\n", "not readable as YAML"),
    ],
)
def test_what_is_wrong_is_told_by_file_and_key(tmp_path, text, words):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(InputError, match=f"a.yaml: {words}"):
        read_ablations(tmp_path / "a.yaml")


def test_an_unknown_name_lists_those_that_ship():
    with pytest.raises(InputError, match=r"shipped: m3lung_patients, m3lung_slices\. Received: tableV"):
        read_ablations("tableV")
