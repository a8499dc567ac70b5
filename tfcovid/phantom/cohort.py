"""A folder of synthetic patients in class folders."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

import nibabel as nib
import numpy as np

from tfcovid.errors import InputError
from tfcovid.phantom.phantom import DISEASES, LABELS, make_phantom, require_shape
from tfcovid.phantom.write_dicom import write_dicom
from tfcovid.phantom.write_nifti import write_nifti
from tfcovid.progress import with_progress

_MARKED_MM2 = 30.0


def write_cohort(
    folder: str | Path,
    *,
    patients: int = 8,
    seed: int = 0,
    shape: tuple[int, int, int] | None = None,
    severity: tuple[float, float] | None = None,
    format: str = "dicom",
    workers: int | None = None,
    progress: bool = False,
) -> Path:
    """Write `patients` scans of each class and return `folder`.

    Scans are folder/<class>/<patient>/*.dcm, or folder/<class>/<patient>.nii.gz with `format` "nifti".
    Truth lies beside them in <folder>_masks/: <class>/<patient>_lungs.nii.gz and _lesions.nii.gz, and
    slice_labels.csv with the columns patient, slice (from 0 at the feet) and lesion: 1 from 30 mm2 on, about what a
    reader would mark.

    A patient depends on `seed`, its class, its number, `shape` and the lowest and highest `severity` only. Patients
    already there are kept, so an interrupted call can be repeated and a cohort can be made larger. `progress` draws
    a bar. `workers` processes run, by default one a CPU.

    Raises InputError for unusable arguments, or when the folder was begun with other settings.
    """
    if format not in ("dicom", "nifti"):
        raise InputError(f'format: use "dicom" or "nifti"; got {format!r}')
    if patients < 1:
        raise InputError(f"patients: give how many of each class, at least 1; got {patients!r}")
    if seed < 0:
        raise InputError(f"seed: give a whole number from 0; got {seed!r}")
    if severity is not None and not 0 <= severity[0] <= severity[1] <= 1:
        raise InputError(f"severity: give the lowest and the highest, from 0 to 1; got {severity!r}")
    require_shape(shape)
    folder = Path(folder)
    truth = folder.with_name(folder.name + "_masks")
    settings = {"seed": seed, "shape": shape, "severity": severity, "format": format}
    _check_settings(folder, truth, json.loads(json.dumps(settings)))

    jobs = [
        (str(folder.resolve()), str(truth.resolve()), disease, index, seed, shape, severity, format)
        for index in range(patients)
        for disease in DISEASES
        if not _scan_path(folder, disease, index, format).exists()
    ]
    written = _write_all(jobs, min(len(jobs), workers or os.cpu_count() or 1))
    for _ in with_progress(written, len(jobs), "Phantoms", progress):
        pass
    _write_slice_labels(truth)
    return folder


def _name(disease: str, index: int) -> str:
    return f"{LABELS[disease]}-{index:04d}"


def _scan_path(folder: Path, disease: str, index: int, format: str) -> Path:
    return folder / LABELS[disease] / (_name(disease, index) + (".nii.gz" if format == "nifti" else ""))


def _check_settings(folder: Path, truth: Path, settings: dict) -> None:
    """Record what the cohort is made of; a folder with two recipes in it is no cohort."""
    record = truth / "cohort.json"
    if record.exists():
        found = json.loads(record.read_text())
        if found != settings:
            raise InputError(
                f"folder: {folder} was begun with {json.dumps(found)}; use a new folder or the same settings; "
                f"got {json.dumps(settings)}"
            )
        return
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"folder: give a new or empty one, or a cohort to complete; got {folder}")
    folder.mkdir(parents=True, exist_ok=True)
    truth.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps(settings))


def _write_all(jobs: list, workers: int) -> Iterator[None]:
    """Writes the patients and yields once for each, as they finish."""
    if workers <= 1:
        for job in jobs:
            yield _write_patient(*job)
        return
    finished: Queue[BaseException | None] = Queue()
    with ThreadPoolExecutor(workers) as pool:
        for i in range(workers):
            pool.submit(_run_elsewhere, jobs[i::workers], finished)
        for _ in jobs:
            if error := finished.get():
                raise error
            yield


def _run_elsewhere(jobs: list, finished: Queue) -> None:
    """Writes patients in a new interpreter.

    Not multiprocessing: a forked child of a process that has used TensorFlow or OpenCV threads can hang, and
    a spawned one runs the caller's script again unless that is guarded.
    """
    try:
        child = subprocess.Popen(
            [sys.executable, "-c", "from tfcovid.phantom.cohort import _work; _work()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path or os.curdir for path in sys.path)},
        )
        with child:
            child.stdin.write(json.dumps(jobs))
            child.stdin.close()
            for _ in child.stdout:
                finished.put(None)
        if child.returncode:
            raise RuntimeError(f"a phantom worker stopped with code {child.returncode}; its own message is above")
    except Exception as error:  # handed over, or the one that waits would wait for ever
        finished.put(error)


def _work() -> None:
    for job in json.load(sys.stdin):
        _write_patient(*job)
        print("written", flush=True)


def _write_patient(
    folder: str,
    truth: str,
    disease: str,
    index: int,
    seed: int,
    shape: list[int] | None,
    severity: list[float] | None,
    format: str,
) -> None:
    """Write in a folder aside, then move: the scan comes last, so where it is the patient is complete."""
    folder, truth = Path(folder), Path(truth)
    name, label = _name(disease, index), LABELS[disease]
    own = int(np.random.SeedSequence([seed, DISEASES.index(disease), index]).generate_state(1)[0])
    ill = float(np.random.default_rng([own, 1]).uniform(*severity)) if severity else None
    phantom = make_phantom(disease, seed=own, shape=shape, severity=ill)
    aside = truth / ".partial" / name
    shutil.rmtree(aside, ignore_errors=True)
    write_nifti(phantom, aside, parts=("lungs", "lesions"))
    target = _scan_path(folder, disease, index, format)
    if format == "nifti":
        scan = write_nifti(phantom, aside, parts=("ct",)) / "ct.nii.gz"
    else:
        scan = write_dicom(phantom, aside / "scan", patient=name)
    (truth / label).mkdir(exist_ok=True)
    target.parent.mkdir(exist_ok=True)
    for part in ("lungs", "lesions"):
        (aside / f"{part}.nii.gz").replace(truth / label / f"{name}_{part}.nii.gz")
    scan.replace(target)
    shutil.rmtree(aside)


def _write_slice_labels(truth: Path) -> None:
    rows = []
    for path in sorted(truth.glob("*/*_lesions.nii.gz")):
        lesions = nib.load(path)
        area = np.prod(lesions.header.get_zooms()[:2]) * np.count_nonzero(np.asarray(lesions.dataobj), axis=(0, 1))
        found = area >= _MARKED_MM2
        rows += [(path.name.removesuffix("_lesions.nii.gz"), k, int(flag)) for k, flag in enumerate(found)]
    draft = truth / "slice_labels.csv.partial"
    with draft.open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("patient", "slice", "lesion"))
        writer.writerows(rows)
    draft.replace(truth / "slice_labels.csv")
    shutil.rmtree(truth / ".partial", ignore_errors=True)
