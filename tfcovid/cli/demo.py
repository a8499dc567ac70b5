import shutil
from pathlib import Path

import click

# Many patients of few thick slices teach more in the same time than few patients of many.
_PATIENTS = 96  # of each class
_COHORT = {"seed": 0, "shape": (16, 176, 176), "severity": (0.5, 1.0)}


@click.command()
@click.option("-o", "--output", default="demo", show_default=True, type=click.Path(path_type=Path))
@click.option("--scan", type=click.Path(path_type=Path), help="Diagnose this scan of yours instead of a phantom.")
@click.option(
    "--patients", default=_PATIENTS, show_default=True, type=click.IntRange(6), help="Phantoms of each class."
)
def demo(output, scan, patients):
    """Train a small system on synthetic scans and diagnose one: the whole road, in a few minutes.

    Writes phantoms as DICOM, lists, splits and prepares them, trains, scores the patients that were held out and
    diagnoses a new one. What is there already is kept; run it again to go on. With --scan your own scan is diagnosed,
    by the bundle that ships if none was trained here. The system has only seen phantoms: what it says of a real scan
    has NO diagnostic meaning.
    """
    from tfcovid.cli.quiet_tensorflow import quiet_tensorflow
    from tfcovid.config import load_config
    from tfcovid.data import assign_splits, index_class_folders, read_manifest, write_manifest
    from tfcovid.errors import InputError
    from tfcovid.phantom import write_cohort

    if scan is not None and not scan.exists():
        raise InputError(f"no such scan: {scan}")
    quiet_tensorflow()
    cohort, manifest, bundle = output / "cohort", output / "manifest.csv", output / "bundle"
    if scan is not None and not bundle.is_dir():
        click.echo("With the bundle that ships, which `tfcovid demo` would train again.")
        bundle = "demo"
    elif not bundle.is_dir():
        click.echo(f"Phantoms: {4 * patients} scans as DICOM in {cohort}")
        write_cohort(cohort, patients=patients, progress=True, **_COHORT)
        labels = cohort.with_name("cohort_masks") / "slice_labels.csv"
        shares = {"train": 0.65, "val": 0.1, "test": 0.25}
        write_manifest(assign_splits(index_class_folders(cohort, labels), shares), manifest)

        from tfcovid.training import train

        train(load_config("demo"), read_manifest(manifest), bundle, output / "store", progress=True)

    from tfcovid.inference import load
    from tfcovid.progress import with_progress
    from tfcovid.scans import read_scan

    system = load(bundle)
    if scan is None:
        from tfcovid.evaluation import Predictions, score

        held_out, rows = [entry for entry in read_manifest(manifest) if entry.split == "test"], []
        for entry in with_progress(held_out, len(held_out), "Held-out patients", True):
            found = system.predict(read_scan(entry.scan))
            row = {"patient": entry.patient, "truth": entry.label, "called": found.label}
            rows.append({**row, **{f"p_{label}": value for label, value in found.probabilities.items()}})
        click.echo(score(Predictions.from_rows(rows, system.config.labels)))
    source = scan or _new_patient(output / "new_patient")
    result = output / ("your_scan" if scan else "diagnosis")
    read = read_scan(source, progress=True)
    for finding in read.findings:
        click.echo(f"  {finding}", err=True)
    diagnosis = system.predict(read, progress=True)
    diagnosis.save(result, overwrite=True)
    click.echo(f"{source}: {diagnosis}")
    click.echo(f"Look at {result / 'report.html'} and {result / 'figure.png'}. {diagnosis.notice}")


def _new_patient(folder: Path) -> Path:
    """A patient the system has not seen, with COVID-19 and as many slices as a clinic would make."""
    from tfcovid.phantom import make_phantom, write_dicom

    if not folder.is_dir():
        partial = folder.with_name(f".{folder.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        write_dicom(make_phantom("covid", seed=2020, shape=(60, 256, 256), severity=0.8), partial, patient="phantom")
        partial.rename(folder)
    return folder
