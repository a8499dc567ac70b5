import json

import pytest

from tfcovid.config import load_config
from tfcovid.errors import InputError
from tfcovid.inference import load
from tfcovid.scans import read_scan
from tfcovid.training import train
from tfcovid.training.share_parts import share_parts

SETTINGS = [
    "labels=[healthy,covid-19,h1n1,cap]",
    "crop.size=[32,32]",
    "slice_net={kind: classifier, variant: resnet10_compact}",
    "slice_training.epochs=1",
    "slice_training.phases=[]",
    "patient_net={kind: mean}",
    "patient_training=null",
    "then.when=[covid-19]",
]


def test_a_bundle_that_ships_uses_the_segmenters_beside_it_and_no_others(cohort, tmp_path, held_out):
    config = load_config("chest_ct", SETTINGS)
    bundle, _ = train(config, cohort.entries, tmp_path / "b")
    own = load(bundle).predict(read_scan(held_out))

    share_parts(bundle)

    assert not (bundle / "lungs").exists() and not (bundle / "then").exists()
    system = load(bundle)
    shared = system.predict(read_scan(held_out))
    assert shared.probabilities == own.probabilities
    assert (shared.lungs == own.lungs).all()
    assert system.then.config.name == "infection"

    facts = json.loads((bundle / "bundle.json").read_text())
    facts["shared_parts"]["then"]["weights_sha256"]["segment"] = "0" * 64
    (bundle / "bundle.json").write_text(json.dumps(facts))
    with pytest.raises(InputError, match="another version of the bundle infection"):
        load(bundle)
