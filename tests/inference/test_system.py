import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

import tfcovid
from tests.data_folder import DATA, needs_data
from tfcovid.config import load_config, write_config
from tfcovid.errors import InputError
from tfcovid.inference import System, load
from tfcovid.inference.nonparametric import assess_patient
from tfcovid.scans import Scan, read_scan

_FRESH = """
import json, sys
import tfcovid
found = tfcovid.load(sys.argv[1]).predict(tfcovid.read_scan(sys.argv[2]))
print(json.dumps([found.probabilities, found.slice_probabilities.tolist()]))
"""


@pytest.fixture(scope="module")
def scan(held_out):
    return read_scan(held_out)


def without_patient_network(system, folder, *settings):
    """The slice network of `system` under a config with other settings."""
    write_config(system.config, folder / "config.yaml")
    return System(load_config(folder / "config.yaml", settings), system.slice_network, None, system.facts)


def part(scan, start, stop):
    return Scan.from_array(scan.voxels[start:stop], scan.spacing)


def test_a_diagnosis_is_the_mean_over_the_windows(diagnosis, tiny):
    assert list(diagnosis.by_window) == [-700, -500]
    values = list(diagnosis.probabilities.values())
    np.testing.assert_allclose(values, (diagnosis.by_window[-700] + diagnosis.by_window[-500]) / 2, rtol=1e-6)
    assert list(diagnosis.probabilities) == list(tiny.labels)
    assert sum(values) == pytest.approx(1, abs=1e-5)
    assert diagnosis.label == tiny.labels[int(np.argmax(values))]


def test_the_windows_are_those_of_the_config(system, scan, tmp_path):
    mean = "patient_net.kind=mean"
    one = without_patient_network(system, tmp_path, "window.predict=[-700]", mean).predict(scan)
    both = without_patient_network(system, tmp_path, mean).predict(scan)
    np.testing.assert_allclose(one.by_window[-700], both.by_window[-700], rtol=1e-5)
    assert not np.allclose(one.by_window[-700], both.by_window[-500], rtol=1e-3)


def test_a_fresh_process_says_the_same(bundle, held_out, diagnosis):
    done = subprocess.run([sys.executable, "-c", _FRESH, bundle, held_out], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    probabilities, slices = json.loads(done.stdout)
    assert probabilities == pytest.approx(diagnosis.probabilities, rel=1e-6)
    np.testing.assert_allclose(slices, diagnosis.slice_probabilities, rtol=1e-5)


def test_a_slice_reads_the_same_whatever_is_read_beside_it(system, scan, diagnosis):
    for start, stop in ((0, 1), (2, 7)):
        some = system.predict(part(scan, start, stop))
        np.testing.assert_allclose(
            some.slice_probabilities, diagnosis.slice_probabilities[start:stop], rtol=1e-4, atol=1e-6
        )
    nine = Scan.from_array(np.concatenate([scan.voxels, scan.voxels[3:4]]), scan.spacing)
    found = system.predict(nine).slice_probabilities
    assert len(found) == 9
    np.testing.assert_allclose(found[8], found[3], rtol=1e-4, atol=1e-6)


def test_without_a_patient_network_the_slices_decide(system, scan, diagnosis, tmp_path):
    settings = ("patient_net.kind=nonparametric", "patient_net.threshold=0.3")
    counted = without_patient_network(system, tmp_path, *settings).predict(scan)
    np.testing.assert_allclose(counted.slice_probabilities, diagnosis.slice_probabilities, rtol=1e-5)
    answer, shares = assess_patient(diagnosis.slice_probabilities, 0.3)
    assert counted.label == system.config.labels[answer]
    np.testing.assert_allclose(list(counted.probabilities.values()), shares)


def test_8_bit_images_are_refused_in_words_unless_the_config_states_their_window(system, tmp_path):
    grey = Scan.from_array(np.tile(np.arange(64, dtype=np.uint8) * 4, (2, 64, 1)), units="8-bit")
    with pytest.raises(InputError, match="8-bit grey levels, not Hounsfield units"):
        system.predict(grey)
    settings = ("eight_bit={center: -600, width: 1500}", "patient_net.kind=mean")
    stated = without_patient_network(system, tmp_path, *settings).predict(grey)
    assert len(stated.slice_probabilities) == 2
    stated.save(tmp_path / "out")


def damage(name, bundle):
    if name == "cut":
        file = bundle / "slice.keras"
        file.write_bytes(file.read_bytes()[:5000])
    elif name == "flipped":
        file = bundle / "slice.keras"
        data = bytearray(file.read_bytes())
        middle = len(data) // 2
        data[middle : middle + 500] = bytes(500)
        file.write_bytes(data)
    elif name == "no patient network":
        (bundle / "patient.keras").unlink()
    elif name == "no config":
        (bundle / "config.yaml").unlink()
    elif name == "other labels":
        config = bundle / "config.yaml"
        config.write_text(config.read_text().replace("[healthy, covid-19, h1n1, cap]", "[healthy, sick]"))
    elif name == "no facts":
        (bundle / "bundle.json").unlink()
    elif name == "half facts":
        (bundle / "bundle.json").write_text('{"format": 1,')
    elif name == "other facts":
        (bundle / "bundle.json").write_text("[]")
    elif name == "later format":
        (bundle / "bundle.json").write_text('{"format": 2}')


@pytest.mark.parametrize(
    "name, words",
    [
        ("cut", "incomplete or damaged"),
        ("flipped", "incomplete or damaged"),
        ("no patient network", "incomplete or damaged"),
        ("no config", "bundle"),
        ("other labels", "labels"),
        ("no facts", "not a bundle"),
        ("half facts", "incomplete or damaged"),
        ("other facts", "incomplete or damaged"),
        ("later format", "format 2"),
    ],
)
def test_a_damaged_bundle_is_told(bundle, tmp_path, name, words):
    copy = shutil.copytree(bundle, tmp_path / "bundle")
    damage(name, copy)
    with pytest.raises(InputError, match=words) as raised:
        load(copy)
    assert str(copy) in str(raised.value)


@pytest.fixture(scope="module")
def shipped():
    return load("demo")


def test_a_folder_that_is_no_bundle_does_not_hide_a_shipped_one(shipped, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo").mkdir()
    assert load("demo").facts == shipped.facts


def test_what_is_no_bundle_is_refused(tmp_path):
    for path in (tmp_path, tmp_path / "none", DATA / "SOURCE.md"):
        with pytest.raises(InputError, match="not a bundle"):
            load(path)


@needs_data
@pytest.mark.parametrize(
    "name",
    [
        "covid_ct_md/P001_dicom",
        "covid_ct_md/cap002_256.nii.gz",
        "covid_ct_md/normal001_256.nii.gz",
        "imlab_uiip_lungmask3d/id001-128x128x64.nii.gz",
        "imlab_uiip_lungmask3d/id002-128x128x64.nii.gz",
        "imlab_uiip_lungmask3d/id003-128x128x64.nii.gz",
        "cip_ct64/ct-64Dicom",
        "cip_ct64/ct-64.nii.gz",
        "cip_ct64/ct-64.nrrd",
        "lungmask_2slices",
        "totalsegmentator_cropped/ct_cropped.nii.gz",
    ],
)
def test_a_real_scan_gets_a_diagnosis_in_its_own_frame(shipped, tmp_path, name):
    import nibabel

    path = DATA / "volumes" / name
    scan = read_scan(path)
    found = shipped.predict(scan)
    assert found.lesion_map.shape == scan.shape and len(found.slice_table) == len(scan.voxels)
    found.save(tmp_path / "out")
    if path.suffix == ".gz":
        written, source = nibabel.load(tmp_path / "out" / "lesion_map.nii.gz"), nibabel.load(path)
        assert written.shape == source.shape
        np.testing.assert_array_equal(written.affine, source.affine)


def test_a_diagnosis_tells_what_made_it(bundle, diagnosis):
    found = json.loads(json.dumps(diagnosis.summary))
    assert found["bundle"] == json.loads((bundle / "bundle.json").read_text())
    assert found["settings"]["crop"]["size"] == [32, 32] and found["versions"]["tfcovid"] == tfcovid.__version__
