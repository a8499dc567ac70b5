import csv
import gzip
import json
import shutil
from dataclasses import replace

import nibabel
import numpy as np
import pydicom
import pytest

from tfcovid.errors import InputError
from tfcovid.inference import Diagnosis
from tfcovid.scans import read_scan

FILES = {"report.json", "report.html", "slices.csv", "figure.png", "lesion_map.nii.gz"}


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_the_lesion_map_lies_in_the_boxes_that_were_read(diagnosis):
    found = diagnosis.lesion_map
    assert found.shape == diagnosis.scan.shape and found.dtype == np.float32
    assert 0 <= found.min() < found.max() <= 1
    outside = np.ones(found.shape, bool)
    for (top, left, bottom, right), one in zip(diagnosis.slices.boxes, outside, strict=True):
        one[top:bottom, left:right] = False
    assert outside.any() and not found[outside].any()


def test_slices_that_were_not_read_stay_cold(diagnosis):
    parts = {name: value[2:5] for name, value in vars(diagnosis.slices).items() if value is not None}
    chosen = replace(diagnosis.slices, **parts)
    some = replace(diagnosis, slices=chosen, small_map=np.ones_like(diagnosis.small_map[2:5]))
    assert some.lesion_map.any(axis=(1, 2)).tolist() == [False] * 2 + [True] * 3 + [False] * 3


def test_no_map_is_shown_outside_the_body(diagnosis):
    warm = replace(diagnosis, small_map=np.ones_like(diagnosis.small_map))
    assert 0 < warm.body.mean() < 1
    assert not warm.lesion_map[~warm.body].any()
    shares = warm.suspicious
    assert set(shares) == {"left lung", "right lung", "both lungs"}
    assert shares["both lungs"] > 90  # all but what lies outside the boxes
    cold = replace(diagnosis, small_map=np.zeros_like(diagnosis.small_map))
    assert cold.suspicious["both lungs"] == 0


def test_a_map_of_a_system_with_outlined_lungs_shows_in_them_alone_and_has_no_edge_of_the_box(diagnosis):
    lungs = np.zeros(diagnosis.scan.shape, bool)
    lungs[1:, 20:60, 20:50] = True
    # The boxes cut 5 pixels off the lungs on every side, as a margin below 0 does.
    boxes = np.tile(np.array([[25, 25, 55, 45]], np.int32), (len(lungs), 1))
    slices = replace(diagnosis.slices, lungs=lungs[diagnosis.slices.index], boxes=boxes)
    warm = replace(diagnosis, slices=slices, small_map=np.ones_like(diagnosis.small_map[:, :4, :4]))
    assert (warm.lesion_map[lungs] == 1).all()
    rows, columns = (mm for mm in diagnosis.scan.spacing[1:])
    reach = [int(5 / mm) + 1 for mm in (rows, columns)]
    far = np.ones(lungs.shape, bool)
    far[1:, 20 - reach[0] : 60 + reach[0], 20 - reach[1] : 50 + reach[1]] = False
    assert not warm.lesion_map[far].any()


def test_the_report_for_programs_keeps_to_its_schema(diagnosis):
    jsonschema = pytest.importorskip("jsonschema")
    from tfcovid.report import report_schema

    jsonschema.validate(diagnosis.summary, report_schema(), cls=jsonschema.Draft202012Validator)


def test_who_the_patient_is_stands_in_the_page_alone_and_only_if_asked(system, held_out, tmp_path):
    scan = read_scan(held_out, identity=True)
    name = pydicom.dcmread(next(held_out.rglob("*.dcm"), None) or next(held_out.iterdir())).PatientID
    assert name in scan.identity.values()
    found = system.predict(scan)
    found.save(tmp_path / "named", identity=True)
    found.save(tmp_path / "bare")
    assert name in (tmp_path / "named/report.html").read_text()
    texts = [tmp_path / "named/report.json", tmp_path / "named/slices.csv", *(tmp_path / "bare").glob("*.[hjc]*")]
    assert len(texts) == 5 and not any(name in text.read_text() for text in texts)


def test_all_files_are_written_and_nothing_else(diagnosis, tmp_path):
    assert diagnosis.save(tmp_path / "deep" / "out") == tmp_path / "deep" / "out"
    assert names(tmp_path / "deep") == {"out"} and names(tmp_path / "deep" / "out") == FILES
    found = json.loads((tmp_path / "deep" / "out" / "report.json").read_text())
    assert found["diagnosis"] == diagnosis.label and found["probabilities"] == diagnosis.probabilities
    assert "Research use only" in found["notice"]
    with (tmp_path / "deep" / "out" / "slices.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["slice"]) for row in rows] == list(range(8))
    heights = np.diff([float(row["z_mm"]) for row in rows])
    np.testing.assert_allclose(heights, diagnosis.scan.spacing[0], atol=0.02)  # feet to head
    for n, row in enumerate(rows):
        values = [float(row[f"p_{label}"]) for label in diagnosis.labels]
        np.testing.assert_allclose(values, diagnosis.slice_probabilities[n], atol=1e-4)
        assert row["label"] == diagnosis.labels[int(np.argmax(diagnosis.slice_probabilities[n]))]
        assert float(row["lesion"]) == pytest.approx(diagnosis.lesion_probabilities[n], abs=1e-4)


@pytest.mark.parametrize("flips", [(1, 1, 1), (-1, 1, -1), (1, -1, 1)])
def test_the_lesion_map_lies_on_the_nifti_it_came_from(system, cohort, held_out, tmp_path, flips):
    voxels = read_scan(held_out).voxels.transpose(2, 1, 0)[:: flips[0], :: flips[1], :: flips[2]]
    affine = np.diag([*(np.array(flips) * (-1, -1, 1) * (5.0, 5.5, 20.0)), 1])
    affine[:3, 3] = (11, -22, 33)
    nibabel.save(nibabel.Nifti1Image(np.ascontiguousarray(voxels), affine), tmp_path / "scan.nii.gz")
    found = system.predict(read_scan(tmp_path / "scan.nii.gz"))
    found.save(tmp_path / "out")
    written = nibabel.load(tmp_path / "out" / "lesion_map.nii.gz")
    assert written.shape == voxels.shape and written.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(written.affine, affine)
    # nibabel's canonical axes run right, front and up; a Scan's (columns, rows, slices) left, back and up.
    upright = np.asarray(nibabel.as_closest_canonical(written).dataobj)[::-1, ::-1].transpose(2, 1, 0)
    np.testing.assert_array_equal(upright, np.rint(found.lesion_map * 100))
    assert upright.any()


def test_a_failure_leaves_nothing_and_keeps_what_was_there(diagnosis, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    diagnosis.save(tmp_path / "there")
    before = {path.name: path.read_bytes() for path in (tmp_path / "there").iterdir()}
    monkeypatch.setattr(Diagnosis, "plot", full)
    with pytest.raises(OSError, match="No space left"):
        diagnosis.save(tmp_path / "new")
    assert not (tmp_path / "new").exists()
    with pytest.raises(OSError, match="No space left"):
        diagnosis.save(tmp_path / "there", overwrite=True)
    assert {path.name: path.read_bytes() for path in (tmp_path / "there").iterdir()} == before


def test_results_are_replaced_only_on_purpose_and_other_folders_never(diagnosis, tmp_path):
    out = diagnosis.save(tmp_path / "out")
    with pytest.raises(InputError, match="holds a result already"):
        diagnosis.save(out)
    (out / "slices.csv").unlink()
    diagnosis.save(out, overwrite=True)
    assert names(out) == FILES
    (out / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"holds other things than such a result \(notes\.txt\)"):
        diagnosis.save(out, overwrite=True)
    assert (out / "notes.txt").read_text() == "mine"
    with pytest.raises(InputError, match=r"notes\.txt"):
        diagnosis.save(out / "notes.txt", overwrite=True)
    (tmp_path / "empty").mkdir()
    assert names(diagnosis.save(tmp_path / "empty")) == FILES


def test_the_folder_one_is_in_may_be_named_by_a_dot(diagnosis, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    diagnosis.save(".")
    assert names(tmp_path / "here") == FILES


def test_a_system_without_a_lesion_map_writes_none(diagnosis, tmp_path):
    without = replace(diagnosis, small_map=None)
    assert without.lesion_map is None
    assert names(without.save(tmp_path / "out")) == FILES - {"lesion_map.nii.gz"}


def written(folder):
    """Every byte of a folder's files and names, with what is packed unpacked."""
    for path in folder.rglob("*"):
        yield path.name.encode()
        if path.is_file():
            yield path.read_bytes()
            if path.suffix == ".gz":
                yield gzip.decompress(path.read_bytes())


@pytest.fixture
def marked(held_out, tmp_path):
    """A scan whose header says Quagmire wherever it can name a person."""
    folder = shutil.copytree(held_out, tmp_path / "Quagmire")
    for file in folder.iterdir():
        header = pydicom.dcmread(file)
        header.PatientName, header.PatientID, header.OtherPatientIDs = "Quagmire^Ann", "Quagmire-7", "Quagmire"
        header.PatientComments = header.StudyDescription = header.SeriesDescription = "Quagmire"
        header.ReferringPhysicianName = header.InstitutionName = header.AccessionNumber = "Quagmire"
        header.save_as(file)
    return folder


def test_no_output_names_the_patient_of_the_header(system, marked, tmp_path):
    out = system.predict(read_scan(marked)).save(tmp_path / "out")
    assert b"Quagmire" in next(iter(marked.iterdir())).read_bytes()
    assert not [data for data in written(out) if b"Quagmire" in data]


def test_no_output_tells_the_names_of_the_files(system, marked, tmp_path):
    (marked / "Quagmire_report.txt").write_text("beside the scan")
    out = system.predict(read_scan(marked)).save(tmp_path / "out")
    assert not [data for data in written(out) if b"Quagmire" in data]
