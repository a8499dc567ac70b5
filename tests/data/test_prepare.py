import importlib
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from time import time

import numpy as np
import pytest

from tfcovid.config import load_config
from tfcovid.data import Entry, network_slices, prepare
from tfcovid.data.prepare import content_hash, read_slices
from tfcovid.errors import InputError
from tfcovid.scans import Scan, read_scan


@pytest.fixture
def one(cohort, tmp_path):
    """An entry whose scan may be changed."""
    entry = cohort.entries[0]
    return replace(entry, scan=shutil.copytree(entry.scan, tmp_path / "scans" / entry.scan.name))


@pytest.fixture
def reads(monkeypatch):
    """The scans that prepare has read, in a list that grows."""
    module, read = importlib.import_module("tfcovid.data.prepare"), []
    monkeypatch.setattr(module, "read_scan", lambda path, **options: read.append(path) or read_scan(path, **options))
    return read


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_record_holds_the_slices_that_prediction_sees(tiny, prepared):
    for scan in prepared[:2]:
        expected = network_slices(read_scan(scan.entry.scan), tiny)
        np.testing.assert_array_equal(read_slices(scan, tiny.crop.size), expected.hu)
        assert scan.index == tuple(expected.index) and scan.scan_slices == 8
        assert ("too-few-slices", "warning") in {finding[:2] for finding in scan.findings}


def test_results_come_in_the_order_of_the_entries(cohort, prepared):
    assert [scan.entry for scan in prepared] == cohort.entries


def test_what_is_there_is_kept_and_what_changed_is_made_anew(tiny, tiny_settings, one, tmp_path, reads):
    def made(*settings):
        del reads[:]
        [scan], failed = prepare(load_config("demo", [*tiny_settings, *settings]), [one], tmp_path / "store")
        assert not failed
        return scan.record, len(reads)

    first, count = made()
    assert count == 1 and made() == (first, 0)
    for file in one.scan.iterdir():
        os.utime(file, (0, 0))
    assert made() == (first, 0)
    assert made("slice_training.learning_rate=0.5", "seed=3", "name=other") == (first, 0)
    for setting in ("crop.margin=0", "crop.size=[16,16]", "selection.method=ssfl"):
        record, count = made(setting)
        assert record != first and count == 1
    file = sorted(one.scan.iterdir())[3]
    changed = bytearray(file.read_bytes())
    changed[-2] ^= 1  # of the last pixel
    file.write_bytes(changed)
    record, count = made()
    assert record != first and count == 1


def test_the_same_scan_under_another_name_is_known_again(tiny, one, tmp_path, reads):
    copy = replace(one, scan=shutil.copytree(one.scan, tmp_path / "another name"), patient="somebody else")
    (first, second), _ = prepare(tiny, [one, copy], tmp_path / "store", workers=1)
    assert first.record == second.record and len(reads) == 1
    assert second.entry == copy


def test_a_bad_scan_is_reported_and_the_others_are_prepared(tiny, cohort, one, tmp_path):
    broken = sorted(one.scan.iterdir())[2]
    broken.write_bytes(broken.read_bytes()[:600])
    gone = replace(one, scan=tmp_path / "gone")
    (tmp_path / "notes.txt").write_text("no scan")
    text = replace(one, scan=tmp_path / "notes.txt")
    good = cohort.entries[1:3]
    done, failed = prepare(tiny, [gone, good[0], one, text, good[1]], tmp_path / "store")
    assert [scan.entry for scan in done] == good
    assert [entry for entry, _ in failed] == [gone, one, text]
    assert "no such scan" in failed[0][1] and "truncated-file" in failed[1][1] and "no scan here" in failed[2][1]
    assert len(list((tmp_path / "store").iterdir())) == 4
    done, failed = prepare(tiny, [one], tmp_path / "store", allow=["truncated-file", "missing-slices"])
    assert not failed and len(done[0].index) == 7


def test_a_mistyped_finding_is_an_error_and_not_the_fault_of_every_scan(tiny, one, tmp_path):
    with pytest.raises(InputError, match="typo"):
        prepare(tiny, [one], tmp_path / "store", allow=["typo"])


def test_a_scan_listed_many_times_is_fine(tiny, one, tmp_path):
    done, failed = prepare(tiny, [one] * 6, tmp_path / "store", workers=4)
    assert not failed and len({scan.record for scan in done}) == 1
    assert len(list((tmp_path / "store").iterdir())) == 2


def test_a_failed_write_leaves_no_file_under_a_final_name(tiny, one, tmp_path, monkeypatch):
    def full(path, slices):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    module = importlib.import_module("tfcovid.data.prepare")
    monkeypatch.setattr(module, "write_shard", full)
    done, [(entry, reason)] = prepare(tiny, [one], tmp_path / "store")
    assert not done and entry == one and "No space left" in reason
    assert all(path.name.startswith(".") for path in (tmp_path / "store").iterdir())
    monkeypatch.undo()
    done, failed = prepare(tiny, [one], tmp_path / "store")
    assert len(done) == 1 and not failed
    assert not [path for path in (tmp_path / "store").iterdir() if path.name.startswith(".")]


_STOP_IN_THE_FIFTH_FILE = """
import importlib, os, signal, sys
module = importlib.import_module("tfcovid.data.prepare")
write, calls = module.write_shard, []
def half(path, slices):
    calls.append(path)
    write(path, slices)
    if len(calls) == 5:
        os.truncate(path, path.stat().st_size // 2)
        os.kill(os.getpid(), signal.SIGKILL)
module.write_shard = half
from tfcovid.cli import main
main(["prepare", *sys.argv[1:]])
"""


def test_a_killed_run_is_completed_to_the_same_bytes(tiny, tiny_settings, cohort, prepared, store, tmp_path):
    changes = [part for setting in tiny_settings for part in ("--set", setting)]
    command = [sys.executable, "-c", _STOP_IN_THE_FIFTH_FILE, "demo", cohort.manifest, "-o", tmp_path / "store"]
    killed = subprocess.run([*command, "--workers", "1", *changes], capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    left = contents(tmp_path / "store")
    whole = contents(store)
    assert len([name for name in left if not name.startswith(".")]) == 8  # four scans of two files
    assert [name for name in left if name.startswith(".")]
    assert all(whole[name] == data for name, data in left.items() if not name.startswith("."))
    done, failed = prepare(tiny, cohort.entries, tmp_path / "store")
    assert len(done) == 12 and not failed
    wanted = {scan.record.stem for scan in prepared}
    finished = {n: d for n, d in contents(tmp_path / "store").items() if not n.startswith(".")}
    assert finished == {n: d for n, d in whole.items() if n.split(".")[0] in wanted}


def test_only_old_unfinished_files_are_cleared_away(tiny, tmp_path):
    old, new = tmp_path / ".partial-1-a", tmp_path / ".partial-1-b"
    for path, age in ((old, 7200), (new, 0)):
        path.touch()
        os.utime(path, (time() - age,) * 2)
    prepare(tiny, [], tmp_path)
    assert not old.exists() and new.exists()  # another run may share the store


def test_8_bit_pixels_are_refused_unless_the_config_names_their_window(tiny, tiny_settings):
    grey = np.linspace(0, 255, 4 * 64 * 64).reshape(4, 64, 64).astype(np.uint8)
    scan = Scan.from_array(grey, units="8-bit")
    with pytest.raises(InputError, match="8-bit grey levels, not Hounsfield units"):
        network_slices(scan, tiny)
    whole = load_config("demo", [*tiny_settings, "eight_bit={center: -600, width: 1500}", "crop.method=none"])
    hu = network_slices(scan, whole).hu
    assert hu.dtype == np.int16 and -1350 <= hu.min() < -1300 and 100 < hu.max() <= 150


def test_scans_with_equal_headers_and_voxels_in_another_file_are_told_apart(tiny, tmp_path):
    import SimpleITK as sitk

    entries = []
    for n, name in enumerate(("a", "b")):
        (tmp_path / name).mkdir()
        hu = np.random.default_rng(n).integers(-1000, 100, (12, 40, 40)).astype(np.int16)
        sitk.WriteImage(sitk.GetImageFromArray(hu), tmp_path / name / "ct.mhd")
        entries.append(Entry(tmp_path / name / "ct.mhd", name, "cap"))
    (one, other), failed = prepare(tiny, entries, tmp_path / "store", allow=["not-hu", "no-spacing"])
    assert not failed and one.record != other.record and one.content != other.content


def test_a_scan_whole_in_its_file_does_not_depend_on_its_neighbours(tmp_path):
    import SimpleITK as sitk

    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((4, 8, 8), np.int16)), tmp_path / "ct.mha")
    alone = content_hash(tmp_path / "ct.mha")
    (tmp_path / "note.txt").write_text("new")
    assert content_hash(tmp_path / "ct.mha") == alone


@pytest.fixture
def grey(tiny_settings):
    return load_config("demo", [*tiny_settings, "eight_bit={center: -600, width: 1500}", "crop.method=none"])


@pytest.fixture
def images(tmp_path):
    """150 images of 40 x 40, every third of them to validate with."""
    import cv2

    entries = []
    for n in range(150):
        pixels = np.random.default_rng(n).integers(0, 255, (40, 40)).astype(np.uint8)
        path = tmp_path / f"{n:03d}.png"
        cv2.imwrite(str(path), pixels)
        entries.append(Entry(path, f"p{n}", "cap", "val" if n % 3 == 0 else "train"))
    return entries


def test_single_images_share_records_of_64_whatever_their_splits(grey, images, tmp_path, reads):
    done, failed = prepare(grey, images, tmp_path / "store")
    assert not failed and [scan.entry for scan in done] == images
    sizes = {}
    for scan in done:
        assert scan.first == sizes.get(scan.record, 0) and len(scan.index) == 1
        sizes[scan.record] = scan.first + 1
    assert sorted(sizes.values()) == [22, 64, 64]
    for scan in done[::37]:
        expected = network_slices(read_scan(scan.entry.scan), grey).hu
        np.testing.assert_array_equal(read_slices(scan, grey.crop.size), expected)
    del reads[:]
    assert prepare(grey, images, tmp_path / "store") == (done, []) and not reads
    other_fold = [replace(entry, split="val" if n % 5 == 0 else "train") for n, entry in enumerate(images)]
    assert not prepare(grey, other_fold, tmp_path / "store")[1] and not reads


def test_a_changed_image_has_its_record_made_anew_and_no_other(grey, images, tmp_path, reads):
    done, _ = prepare(grey, images, tmp_path / "store")
    shutil.copy(images[0].scan, images[1].scan)
    del reads[:]
    again, _ = prepare(grey, images, tmp_path / "store")
    moved = {old.record for old, new in zip(done, again, strict=True) if old.record != new.record}
    assert moved == {done[1].record} and len(reads) == 64


def test_a_bad_image_is_left_out_of_its_record_and_tried_again(grey, images, tmp_path):
    whole = images[4].scan.read_bytes()
    images[4].scan.write_bytes(whole[:300])
    for _ in range(2):
        done, [(entry, reason)] = prepare(grey, images, tmp_path / "store")
        assert entry == images[4] and "none of its images can be read" in reason and len(done) == 149
    other = next(scan for scan in done if scan.entry == images[5])
    np.testing.assert_array_equal(
        read_slices(other, grey.crop.size), network_slices(read_scan(images[5].scan), grey).hu
    )
    images[4].scan.write_bytes(whole)
    done, failed = prepare(grey, images, tmp_path / "store")
    assert not failed and len(done) == 150


def test_a_stack_of_images_in_one_file_is_a_scan_of_its_own(grey, images, tmp_path):
    import cv2

    cv2.imwritemulti(str(tmp_path / "stack.tif"), [np.full((40, 40), n, np.uint8) for n in range(5)])
    stack = Entry(tmp_path / "stack.tif", "stack", "cap", "train")
    done, failed = prepare(grey, [images[1], stack, images[2]], tmp_path / "store")
    assert not failed and [scan.first for scan in done] == [0, 0, 1] and len(done[1].index) == 5
    assert done[0].record == done[2].record != done[1].record
