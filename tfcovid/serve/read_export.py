import json
from dataclasses import dataclass
from pathlib import Path

from tfcovid.errors import InputError


@dataclass(frozen=True)
class Export:
    """What a folder that `tfcovid export --to savedmodel` wrote says of the model that a server has from it.

    Attributes:
        model: its name, as in models.config.
        labels: of its answers.
        notice: that goes with every result.
    """

    model: str
    labels: tuple[str, ...]
    notice: str


def read_export(folder: str | Path) -> Export:
    """
    Raises:
        InputError: no such folder, or not one of a single SavedModel.
    """
    folder = Path(folder)
    models = sorted({path.parents[1].name for path in folder.glob("*/*/saved_model.pb") if path.parent.name.isdigit()})
    try:
        facts = json.loads((folder / "export.json").read_text(encoding="utf-8"))
        labels, notice = tuple(map(str, facts["labels"])), str(facts["notice"])
    except (OSError, ValueError, KeyError, TypeError):
        models = []
    if len(models) != 1:
        raise InputError(
            "--export: give the folder that tfcovid export --to savedmodel wrote, with export.json and the model. "
            f"Received: {folder}"
        )
    return Export(models[0], labels, notice)
