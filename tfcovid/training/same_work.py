import json
import shutil
from pathlib import Path

from tfcovid.errors import InputError
from tfcovid.into_place import into_place


def same_work(work: Path, run: dict) -> None:
    """Notes what `work` is for, or checks that what it holds, if anything, is of this very run."""
    note, text = work / "run.json", json.dumps(run, sort_keys=True)
    if any(work.glob("*/epoch-*.h5")):
        if not note.is_file() or note.read_text(encoding="utf-8") != text:
            raise InputError(
                f"{work} holds a run with another config or other data, not finished yet. Go on with those, "
                "or delete the folder to start anew."
            )
        return
    # Whatever else lies there was begun and never finished an epoch, perhaps by another config.
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    into_place(note, lambda path: path.write_text(text, encoding="utf-8"))
