import importlib
import shutil
from collections import namedtuple
from dataclasses import replace

import pytest

from tfcovid.data import estimate, prepare


def test_what_is_done_and_what_is_left_is_told_without_writing(tiny, cohort, tmp_path):
    before = estimate(tiny, cohort.entries, tmp_path / "store")
    assert (before.done, before.left, before.missing) == (0, 12, 0) and before.seconds > 0
    assert not list(tmp_path.iterdir())
    prepare(tiny, cohort.entries[:5], tmp_path / "store")
    gone = replace(cohort.entries[0], scan=tmp_path / "gone")
    after = estimate(tiny, [*cohort.entries, gone], tmp_path / "store")
    assert (after.done, after.left, after.missing) == (5, 7, 1)
    prepare(tiny, cohort.entries, tmp_path / "store")
    done = estimate(tiny, cohort.entries, tmp_path / "store")
    assert (done.done, done.left, done.seconds, done.bytes) == (12, 0, 0, 0)


def test_the_size_is_that_of_the_records_to_come(tiny, cohort, prepared, tmp_path):
    expected = estimate(tiny, cohort.entries, tmp_path / "store").bytes
    records = sum(scan.record.stat().st_size for scan in prepared)
    assert 0.9 * records < expected < 1.1 * records


def test_a_scan_that_cannot_be_read_is_not_the_one_to_go_by(tiny, cohort, tmp_path):
    entries = []
    for n, entry in enumerate(cohort.entries[:3]):
        copy = shutil.copytree(entry.scan, tmp_path / str(n))
        entries.append(replace(entry, scan=copy))
    with next((tmp_path / "1").iterdir()).open("ab") as file:  # now the scan of median size, and no more one
        file.truncate(600)
    assert estimate(tiny, entries, tmp_path / "store").bytes > 0
    for entry in entries:
        for file in entry.scan.iterdir():
            file.write_bytes(b"nothing")
    assert estimate(tiny, entries, tmp_path / "store").bytes is None


@pytest.mark.parametrize("free, warned", [(10, True), (10**12, False)])
def test_too_little_room_is_told_beforehand(cohort, tmp_path, tiny_settings, monkeypatch, capsys, free, warned):
    from click.testing import CliRunner

    from tfcovid.cli.prepare import prepare as command

    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(importlib.import_module("shutil"), "disk_usage", lambda _: usage(10**13, 0, free))
    changes = [part for setting in tiny_settings for part in ("--set", setting)]
    arguments = ["demo", str(cohort.manifest), "-o", str(tmp_path / "store"), *changes, "--dry-run"]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0 and "0 scans are there, 12 to prepare: about" in result.stdout
    assert ("less room" in result.stderr) == warned
