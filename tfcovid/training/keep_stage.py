import shutil
from pathlib import Path

from tfcovid.config.recipes import Training
from tfcovid.training.keeper import best_row, read_log
from tfcovid.training.learning_curves import draw_learning_curves
from tfcovid.training.log_slices import SLICES


def keep_stage(stage: Path, bundle: Path, title: str, training: Training) -> dict[str, float]:
    """Copies what is worth keeping of a finished stage into a bundle: its log, its curves, and what TensorBoard shows.

    Args:
        stage: folder of the stage, whose name the files begin with.
        title: of the picture of the curves.

    Returns:
        Validation figures of the epoch whose weights were kept; only its number without validation scans.
    """
    log = Path(shutil.copy(stage / "log.csv", bundle / f"{stage.name}_log.csv"))
    # TensorBoard names its files after the machine, which is nobody's business.
    for n, events in enumerate(sorted((stage / "tensorboard").rglob("events.*"))):
        if events.parent.name == SLICES:  # pictures of patients stay where the data are
            continue
        folder = bundle / "tensorboard" / stage.name / events.parent.name
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(events, folder / f"events.out.tfevents.{n}")
    rows = read_log(log)
    best = best_row(rows, training)
    kept = best[1] if training.keep == "best" and best else rows[-1]
    draw_learning_curves(log, bundle / f"{stage.name}_curves.png", title, int(kept["epoch"]))
    return {name: float(value) for name, value in kept.items() if name.startswith("val_") or name == "epoch"}
