import csv
import json
from pathlib import Path

import click


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.argument("scan", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder for the results.")
@click.option("--series", metavar="UID", help="Read this DICOM series; by default the axial one with most slices.")
@click.option("--allow", multiple=True, metavar="FINDING", help="Read scans in spite of this finding. Repeatable.")
@click.option("--overwrite", is_flag=True, help="Replace results that are there.")
@click.option("--dry-run", is_flag=True, help="List the scans that would be diagnosed.")
def predict(bundle, scan, output, series, allow, overwrite, dry_run):
    """Diagnose SCAN with BUNDLE. Research use only.

    SCAN is a folder of DICOM files, a .zip of one, NIfTI, NRRD, MHA, or slice images. OUT gets the probabilities
    and settings (diagnosis.json), a table of the slices (slices.csv), the lesion map in the frame of the scan
    (lesion_map.nii.gz, per cent) and a figure (figure.png).

    A folder of many scans works too: each gets a folder in OUT, predictions.csv lists them all, scans that cannot
    be read are reported and left out (exit code 1), and scans already there are kept.

    \b
    tfcovid predict bundle CT_FOLDER -o out
    """
    from tfcovid.cli.quiet_tensorflow import quiet_tensorflow
    from tfcovid.errors import InputError
    from tfcovid.scans import find_scans
    from tfcovid.scans.finding import check_names

    if not scan.exists():
        raise InputError(f"no such scan: {scan}")
    check_names(allow)
    scans = find_scans(scan) if scan.is_dir() else [scan]
    # Results may lie in the folder of scans, and lesion maps are NIfTI too.
    results = output.resolve()
    scans = [path for path in scans if results not in path.resolve().parents]
    if dry_run:
        for path in scans:
            click.echo(str(path))
        return
    single = len(scans) < 2
    if single and output.exists() and any(output.iterdir()) and not overwrite:
        raise InputError(f"{output} is not empty; choose another folder or pass --overwrite.")

    quiet_tensorflow()
    from tfcovid.inference import load

    system = load(bundle)
    if single:
        click.echo(_describe(_diagnose(system, scan, output, series, allow, overwrite)))
        return
    for path in () if overwrite else scans:
        done = output / _name(path, scan) / "diagnosis.json"
        if done.is_file() and json.loads(done.read_text(encoding="utf-8"))["bundle"] != system.facts:
            raise InputError(
                f"{done.parent} holds the result of another bundle; pass --overwrite or choose another OUT."
            )
    rows, failed = [], 0
    for number, path in enumerate(scans, 1):
        name = _name(path, scan)
        done = output / name / "diagnosis.json"
        try:
            if overwrite or not done.is_file():
                _diagnose(system, path, output / name, series, allow, overwrite)
            rows.append(_row(name, done))
            click.echo(f"{number}/{len(scans)} {name}: {rows[-1]['diagnosis']}")
        except Exception as error:  # one bad scan in a thousand is reported and left out
            reason = str(error) if isinstance(error, InputError) else f"unexpected {error!r}"
            failed += 1
            rows.append({"scan": name, "error": " ".join(reason.split())})
            click.echo(f"{number}/{len(scans)} {name}: left out: {reason}", err=True)
    _write_table(rows, system.config.labels, output / "predictions.csv")
    click.echo(f"{output / 'predictions.csv'}: {len(rows) - failed} scans diagnosed, {failed} left out")
    if failed:
        raise SystemExit(1)


def _diagnose(system, path: Path, output: Path, series, allow, overwrite):
    from time import perf_counter

    from tfcovid.scans import read_scan

    started = perf_counter()
    scan = read_scan(path, series=series, allow=allow, progress=True)
    read = perf_counter()
    for finding in scan.findings:
        click.echo(f"  {finding}", err=True)
    diagnosis = system.predict(scan, progress=True)
    diagnosis.timings["read"] = read - started
    diagnosis.save(output, overwrite)
    return diagnosis, output


def _describe(done) -> str:
    diagnosis, output = done
    lines = [f"{diagnosis.label}"]
    lines += [f"  {label:12} {value:.3f}" for label, value in diagnosis.probabilities.items()]
    lines += [f"{output / 'figure.png'}", "Research use only."]
    return "\n".join(lines)


def _name(path: Path, root: Path) -> str:
    """Where a scan lies below the folder that was asked for, as one folder name."""
    return "__".join(path.relative_to(root).parts)


def _row(name: str, done: Path) -> dict:
    found = json.loads(done.read_text(encoding="utf-8"))
    return {
        "scan": name,
        "key": found["scan"]["key"],
        "diagnosis": found["diagnosis"],
        **found["probabilities"],
    }


def _write_table(rows: list[dict], labels, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["scan", "key", "diagnosis", *labels, "error"])
        writer.writeheader()
        writer.writerows(rows)
    partial.replace(path)
