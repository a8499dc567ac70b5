import shutil

import pytest

from tfcovid.inference.runtime import cached as module
from tfcovid.inference.runtime.cached import cached, is_cached

pytest.importorskip("openvino")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TFCOVID_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def compiling():
    """Writes as little as a compiled bundle can be, and counts how often."""

    def write(folder):
        write.times += 1
        (folder / "bundle.json").write_text("{}")

    write.times = 0
    return write


def test_a_bundle_is_compiled_once_and_anew_when_it_changes(bundle, tmp_path, cache, compiling):
    copy = shutil.copytree(bundle, tmp_path / "copy")
    assert not is_cached(copy, "openvino")
    place, note = cached(copy, "openvino", compiling)
    assert is_cached(copy, "openvino") and place.parent == cache and not note
    assert cached(bundle, "openvino", compiling)[0] == place and compiling.times == 1
    (copy / "config.yaml").write_text((copy / "config.yaml").read_text() + "\n")
    assert not is_cached(copy, "openvino") and is_cached(bundle, "openvino")
    assert cached(copy, "openvino", compiling)[0] != place and compiling.times == 2


def test_nothing_is_left_of_what_could_not_be_compiled(bundle, cache):
    def fail(folder):
        (folder / "slice.xml").write_text("half")
        raise ValueError

    with pytest.raises(ValueError):
        cached(bundle, "openvino", fail)
    assert not any(cache.iterdir())


def test_those_used_last_are_kept(bundle, tmp_path, cache, compiling, monkeypatch):
    monkeypatch.setattr(module, "KEPT", 2)
    copy, places = shutil.copytree(bundle, tmp_path / "copy"), []
    for n in range(3):
        (copy / "run.json").write_text(str(n))
        places.append(cached(copy, "openvino", compiling)[0])
    assert {path.name for path in cache.iterdir()} == {path.name for path in places[1:]}


def test_a_cache_that_cannot_be_written_is_told_and_no_error(bundle, tmp_path, monkeypatch, compiling):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("TFCOVID_CACHE", str(tmp_path / "file"))
    place, note = cached(bundle, "openvino", compiling)
    assert (place / "bundle.json").is_file() and "cannot be written" in note and str(tmp_path / "file") in note
