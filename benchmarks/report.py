"""Times the report of a scan of 300 slices of 512 x 512 with a lesion map and outlines, and says how large it is.

    python benchmarks/report.py [--slices 300]

The scan is a phantom's, with the grain of a sharp kernel, in which JPEG finds little to leave out. The limits are 10 s
of processor time beyond inference and 15 MB.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

import numpy as np

from tfcovid.config import load_config
from tfcovid.data.network_slices import NetworkSlices
from tfcovid.inference.diagnosis import Diagnosis
from tfcovid.inference.segmentation import Segmentation
from tfcovid.phantom import make_phantom
from tfcovid.report import write_report
from tfcovid.scans import Scan


def diagnosis(slices: int) -> Diagnosis:
    """What a system might say of a phantom of so many slices, with what it shows as map and outlines."""
    made = make_phantom("covid", seed=0, shape=(60, 512, 512))
    grain = np.random.default_rng(0).normal(0, 60, made.hu.shape).astype(np.int16)
    at = np.linspace(0, 59, slices).round().astype(int)
    scan = Scan.from_array((made.hu + grain)[at], (1.0, 0.7, 0.7))
    config = load_config("demo")
    lesion = made.lesions[at] > 0
    ill = 0.05 + 0.9 * lesion.any(axis=(1, 2))
    answers = np.array([[0.1, 0.8, 0.05, 0.05]])
    segmentation = Segmentation(scan, made.lungs[at], lesion, None, {"name": "", "notice": ""}, {}, {})
    boxes = np.tile(np.array([0, 0, 512, 512], np.int32), (slices, 1))
    none = np.zeros(slices, bool)
    return Diagnosis(
        scan=scan,
        labels=config.labels,
        label="covid-19",
        by_window={-600.0: answers[0]},
        slices=NetworkSlices(np.zeros((slices, 8, 8), np.int16), np.arange(slices), boxes, none, None),
        slice_probabilities=np.stack([1 - ill, ill, 0 * ill, 0 * ill], axis=1),
        lesion_probabilities=ill,
        small_map=np.random.default_rng(1).random((slices, 12, 12), np.float32),
        settings=config.model_dump(mode="json"),
        bundle={},
        timings={},
        answers=answers,
        sources={"windows": 1, "draws": 1},
        segmentation=segmentation,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slices", type=int, default=300)
    made = diagnosis(parser.parse_args().slices)
    print("| report | wall, s | processor, s | MB |\n|---|---|---|---|")
    with TemporaryDirectory() as folder:
        for name, one in (("diagnosis", replace(made, segmentation=None)), ("with outlines and volumes", made)):
            path = Path(folder) / "report.html"
            wall, processor = perf_counter(), process_time()
            write_report(one, path)
            wall, processor = perf_counter() - wall, process_time() - processor
            print(f"| {name} | {wall:.1f} | {processor:.1f} | {path.stat().st_size / 1e6:.1f} |")


if __name__ == "__main__":
    main()
