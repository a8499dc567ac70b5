from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tfcovid.data import Entry
from tfcovid.errors import InputError
from tfcovid.export.edge_signature import edge_signature
from tfcovid.export.tflite_convert import tflite_convert
from tfcovid.export.tflite_models import tflite_models
from tfcovid.export.tflite_samples import tflite_samples
from tfcovid.inference import SegmentationSystem, System
from tfcovid.inference.runtime.save_frozen import save_frozen
from tfcovid.progress import with_progress


@dataclass(frozen=True)
class TfliteFiles:
    """A network in TFLite files.

    Attributes:
        files: precision -> file. A patient network, small beside the slices, is there in float32 alone, and goes with
            slices of every precision.
        signature: see `edge_signature`.
    """

    files: dict[str, Path]
    signature: dict[str, Any]

    def of(self, precision: str) -> Path:
        return self.files.get(precision) or self.files["float32"]


def tflite_files(
    system: System | SegmentationSystem,
    folder: Path,
    precisions: Sequence[str],
    entries: Sequence[Entry] = (),
    before: str = "",
    progress: bool = False,
) -> dict[str, TfliteFiles]:
    """Writes the networks of a system, see `tflite_models`, as `folder/{before}{name}_{precision}.tflite`; that of a
    patient as `folder/{before}patient.tflite`.

    Args:
        entries: labelled scans, whose slices "int8" is fitted to.

    Returns:
        Name of each network -> its files.

    Raises:
        InputError: a network that has no built-in operators in one of the precisions.
    """
    made = {}
    for name, model in tflite_models(system).items():
        own = ("float32",) if name == "patient" else tuple(precisions)
        reads = system.finder if name == "lungs" else system
        samples = tflite_samples(reads, entries) if "int8" in own else None
        files = {}
        with TemporaryDirectory() as saved:
            save_frozen(model, saved)
            for precision in with_progress(own, len(own), f"Converting {before}{name}", progress):
                file = f"{before}{name}" if name == "patient" else f"{before}{name}_{precision}"
                files[precision] = folder / f"{file}.tflite"
                try:
                    files[precision].write_bytes(tflite_convert(Path(saved), precision, samples))
                except Exception as error:  # the converter raises whatever its parts do
                    words = str(error).strip().splitlines()
                    raise InputError(
                        f"{before}{name}: TFLite has no built-in operators for it in {precision}; leave this precision "
                        f"out. Received: {words[0] if words else repr(error)}"
                    ) from error
        made[name] = TfliteFiles(files, edge_signature(model))
    return made
