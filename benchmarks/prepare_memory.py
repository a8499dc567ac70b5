"""The most memory that `tfcovid.data.prepare` ever holds, over cohorts of growing size: it must not grow with them.

    python benchmarks/prepare_memory.py [--scans 10 100 1000] [--shape 16 128 128] [--workers 2]
    python benchmarks/prepare_memory.py --scans 4 --shape 300 512 512 --workers 1

Scans are copies of one phantom as DICOM with one pixel changed, so that each is a scan of its own. Every cohort is
prepared in a fresh process, for the config m3lung (512 x 512, lung crop). Linux only.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scans", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--shape", type=int, nargs=3, default=[16, 128, 128], metavar=("SLICES", "HEIGHT", "WIDTH"))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(_measure(Path(options.measure[0]), int(options.measure[1]), options.workers)))
        return
    with tempfile.TemporaryDirectory() as folder:
        _write_scans(Path(folder) / "scans", max(options.scans), tuple(options.shape))
        slices, height, width = options.shape
        print(f"scans of {slices} slices of {height} x {width}, {options.workers} worker(s)")
        print(f"{'scans':>6}{'before, MB':>12}{'most, MB':>10}{'more, MB':>10}{'ms a slice':>12}")
        for scans in options.scans:
            command = [sys.executable, __file__, "--measure", folder, str(scans), "--workers", str(options.workers)]
            environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
            run = subprocess.run(command, env=environment, capture_output=True, text=True)
            if run.returncode:
                sys.exit(run.stderr[-3000:])
            before, most, seconds = json.loads(run.stdout.splitlines()[-1])
            pace = 1000 * seconds / scans / slices
            print(f"{scans:6}{before:12.0f}{most:10.0f}{most - before:10.0f}{pace:12.1f}", flush=True)


def _write_scans(folder: Path, count: int, shape: tuple[int, int, int]) -> None:
    from tfcovid.phantom import DISEASES, make_phantom, write_dicom

    made = write_dicom(make_phantom(DISEASES[-1], seed=0, shape=shape), folder.with_name("phantom"), patient="phantom")
    first, *others = sorted(made.iterdir())
    for n in range(count):
        scan = folder / f"{n:05d}"
        scan.mkdir(parents=True)
        for file in others:
            os.link(file, scan / file.name)
        shutil.copyfile(first, scan / first.name)
        with (scan / first.name).open("r+b") as file:  # the number into the last pixels, two bytes each
            file.seek(-4, os.SEEK_END)
            file.write(bytes([n % 256, 0, n // 256, 0]))


def _measure(folder: Path, count: int, workers: int) -> tuple[float, float, float]:
    """MB before, MB at most, and seconds."""
    import tensorflow as tf

    from tfcovid.config import load_config
    from tfcovid.data import Entry, prepare

    entries = [Entry(scan, scan.name, "cap") for scan in sorted((folder / "scans").iterdir())[:count]]
    tf.train.Example().SerializeToString()  # what is imported late counts as before
    before, start = _megabytes("VmRSS"), time.perf_counter()
    store = folder / "store"
    done, failed = prepare(load_config("m3lung"), entries, store, workers=workers)
    seconds = time.perf_counter() - start
    shutil.rmtree(store)
    if failed or len({scan.record for scan in done}) != count:
        raise SystemExit(f"{len(failed)} scans failed, {len(done)} prepared: {failed[:1]}")
    return before, _megabytes("VmHWM"), seconds


def _megabytes(what: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1000


if __name__ == "__main__":
    main()
