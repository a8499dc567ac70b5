import pytest

STARTS = {
    ".png": b"\x89PNG\r\n\x1a\n",
    ".jpg": b"\xff\xd8\xff",
    ".nii": bytes(344) + b"n+1\0" + bytes(4),
    ".dcm": bytes(128) + b"DICM",
}


@pytest.fixture
def lay_out(tmp_path):
    """Makes files of which only the first bytes are true, and returns their folder."""

    def make(*names):
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(STARTS.get(path.suffix, b"text"))
        return tmp_path

    return make


@pytest.fixture
def told(tmp_path):
    """What entries say, with paths relative to the folder: (scan, patient, label, split, lungs, lesions)."""

    def tell(entries):
        paths = [(entry.scan, entry.lungs, entry.lesions) for entry in entries]
        short = [tuple(path and path.relative_to(tmp_path).as_posix() for path in three) for three in paths]
        return [(s, e.patient, e.label, e.split, lu, le) for (s, lu, le), e in zip(short, entries, strict=True)]

    return tell
