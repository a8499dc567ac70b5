import importlib
import json
import shutil
from dataclasses import replace

import pytest

from tfcovid.config.ablations import Ablations
from tfcovid.errors import InputError
from tfcovid.training.train_ablations import check_ablations, train_ablations


def listed(variants):
    return Ablations(variants, {name: [] for name in variants}, {name: {} for name in variants}, next(iter(variants)))


@pytest.fixture
def trained(bundle, monkeypatch):
    """Names of the bundles that were trained: copies of one, to save the time."""
    names = []

    def train(config, entries, folder, *rest, **options):
        names.append(folder.name)
        shutil.copytree(bundle, folder)
        return folder, []

    monkeypatch.setattr(importlib.import_module("tfcovid.training.train_ablations"), "train", train)
    return names


def test_a_variant_that_was_added_is_trained_alone_and_a_bad_scan_is_told_each_time(tiny, cohort, trained, tmp_path):
    bad = tmp_path / "bad.nii.gz"
    bad.write_bytes(b"nothing")
    test = [entry for entry in cohort.entries if entry.split == "test"]
    entries = [*cohort.entries, replace(test[0], scan=bad, patient="Ann")]
    variants = {"One": tiny, "The other": tiny}
    for _ in range(2):
        said = list(train_ablations(listed(variants), entries, tmp_path / "v"))
        assert [name for name, _, _ in said] == list(variants)
        for _, predictions, unreadable in said:
            assert predictions.cases == tuple(str(entry.scan) for entry in test)
            assert [entry.patient for entry, _ in unreadable] == ["Ann"] and "bad.nii.gz" in unreadable[0][1]
        variants["Third"] = tiny
    assert trained == ["one", "the_other", "third"]


def test_what_cannot_be_compared_stops_before_a_scan_is_read(tiny, cohort, trained, tmp_path):
    two = type(tiny).model_validate({**tiny.model_dump(), "labels": ("healthy", "cap")})
    with pytest.raises(InputError, match=r"variants that are compared have the same labels\. Received"):
        check_ablations(listed({"a": tiny, "b": two}), cohort.entries, tmp_path)
    with pytest.raises(
        InputError, match=r"labels that the variants do not know: covid-19, h1n1\. Received: healthy, cap"
    ):
        check_ablations(listed({"a": two, "b": two}), cohort.entries, tmp_path)
    with pytest.raises(InputError, match="only differ in signs or capitals"):
        check_ablations(listed({"A b": tiny, "a-B": tiny}), cohort.entries, tmp_path)
    assert not trained and not list(tmp_path.iterdir())


@pytest.mark.slow
def test_variants_of_the_patient_network_train_one_slice_network(tiny, cohort, store, bundle, tmp_path, monkeypatch):
    """And end with the weights of a run of their own."""
    stage = importlib.import_module("tfcovid.training.fit_stage")
    fit, fitted = stage._fit, []

    def noted(one, *rest):
        fitted.append(one.name)
        fit(one, *rest)

    monkeypatch.setattr(stage, "_fit", noted)
    mean = type(tiny).model_validate({**tiny.model_dump(), "patient_net": {"kind": "mean"}})
    for _ in train_ablations(listed({"Mean": mean, "Trained": tiny}), cohort.entries, tmp_path / "v", store):
        pass
    assert fitted == ["slice", "patient"]
    alone, shared = (json.loads((one / "bundle.json").read_text()) for one in (bundle, tmp_path / "v" / "trained"))
    assert shared["weights_sha256"] == alone["weights_sha256"]
    assert not list((tmp_path / "v").glob("*.slices"))
