from pathlib import Path

import click


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The manifest to write (CSV).")
@click.option("--split", metavar="TRAIN,VAL,TEST", help="Draw splits by patient in these shares, such as 0.7,0.1,0.2.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of the draw.")
@click.option(
    "--slice-labels",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="CSV: patient, slice (0 at the feet), lesion (0/1).",
)
@click.option("--scan-column", default="scan", show_default=True, help="Of a table: path of the scan.")
@click.option("--patient-column", default="patient", show_default=True, help="Of a table: who it is.")
@click.option("--label-column", default="label", show_default=True, help="Of a table: the diagnosis.")
def index(source, output, split, seed, slice_labels, scan_column, patient_column, label_column):
    """List the scans of SOURCE and their labels in a manifest, one row a scan.

    SOURCE is a folder LABEL/PATIENT/... (DICOM, NIfTI, NRRD, images, at any depth) or a CSV table with columns of
    scans, patients and labels. The manifest is CSV; edit it as you like. A patient is in one split only, checked
    here and again before training.

    \b
    tfcovid index cohort -o manifest.csv --split 0.7,0.1,0.2
    tfcovid index list.csv -o manifest.csv --label-column diagnosis
    """
    from collections import Counter

    from tfcovid.data import assign_splits, check_splits, index_class_folders, index_table, write_manifest
    from tfcovid.data.manifest import SPLITS
    from tfcovid.errors import InputError

    if source.is_file():
        entries = index_table(source, scan_column, patient_column, label_column, slice_labels=slice_labels)
    else:
        entries = index_class_folders(source, slice_labels)
    if split:
        try:
            shares = [float(share) for share in split.split(",")]
        except ValueError:
            shares = []
        if len(shares) not in (2, 3):
            raise InputError(f"--split takes two or three numbers, such as 0.7,0.1,0.2. Received: {split}")
        if any(entry.split for entry in entries):
            raise InputError(f"{source} has splits of its own, which --split would overwrite; leave one of them out.")
        entries = assign_splits(entries, dict(zip(SPLITS, shares, strict=False)), seed)
    check_splits(entries)
    write_manifest(entries, output)

    patients = {entry.patient for entry in entries}
    click.echo(f"{output}: {len(entries)} scans of {len(patients)} patients")
    for (part, label), count in sorted(Counter((e.split or "no split", e.label) for e in entries).items()):
        click.echo(f"  {part:8} {label:12} {count:5}")
    both = [name for name in patients if len({e.label for e in entries if e.patient == name}) > 1]
    if both:
        click.echo(
            f"{len(both)} patient(s) have several labels and are taken for one person each: {', '.join(both[:5])}"
        )
