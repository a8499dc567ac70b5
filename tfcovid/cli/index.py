from pathlib import Path

import click


def _list_layouts(context: click.Context, option: click.Option, name: str | None) -> str | None:
    if name in ("?", "list"):
        from tfcovid.data.layouts import LAYOUTS

        for layout, (_, line) in LAYOUTS.items():
            click.echo(f"  {layout:23} {line}")
        context.exit()
    return name


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "--layout",
    metavar="NAME",
    is_eager=True,
    callback=_list_layouts,
    help="How a public data set lies on disk; `--layout list` lists them. Default: class folders, or csv for a file.",
)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The manifest to write (CSV).")
@click.option(
    "--relabel", multiple=True, metavar="OLD=NEW", help="Name a label as your config does: covid=covid-19. Repeatable."
)
@click.option("--split", metavar="TRAIN,VAL,TEST", help="Draw splits by patient in these shares, such as 0.7,0.1,0.2.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of the draw.")
@click.option(
    "--slice-labels",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="CSV: patient, slice (0 at the feet), lesion (0/1).",
)
@click.option(
    "--mask-values",
    multiple=True,
    metavar="MEANING=N,...",
    help="What numbers of masks mean, where that is in doubt: infection=127,255. Also lung, background, unlabelled. "
    "Repeatable.",
)
@click.option("--scan-column", default="scan", show_default=True, help="Of a table: path of the scan.")
@click.option("--patient-column", default="patient", show_default=True, help="Of a table: who it is.")
@click.option("--label-column", default="label", show_default=True, help="Of a table: the diagnosis.")
def index(
    source,
    layout,
    output,
    relabel,
    split,
    seed,
    slice_labels,
    mask_values,
    scan_column,
    patient_column,
    label_column,
):
    """List the scans of SOURCE and their labels in a manifest, one row a scan.

    SOURCE is a folder LABEL/PATIENT/... (DICOM, NIfTI, NRRD, images, at any depth), a CSV table with columns of
    scans, patients and labels, or a public data set as it was downloaded, in the layout that --layout names. Splits
    that a data set brings are kept. The manifest is CSV; edit it as you like. A patient is in one split only,
    checked here and again before training; `tfcovid check` looks closer.

    \b
    tfcovid index cohort -o manifest.csv --split 0.7,0.1,0.2
    tfcovid index list.csv -o manifest.csv --label-column diagnosis
    tfcovid index COVID-CT --layout covid-ct -o manifest.csv
    """
    from collections import Counter
    from dataclasses import replace
    from functools import partial

    from tfcovid.data import assign_splits, check_splits, write_manifest
    from tfcovid.data.layouts import find_layout
    from tfcovid.data.manifest import SPLITS
    from tfcovid.data.mask_values import read_mask_values
    from tfcovid.errors import InputError

    layout = layout or ("csv" if source.is_file() else "class-folders")
    find = find_layout(layout)
    if layout == "csv":
        find = partial(find, scan=scan_column, patient=patient_column, label=label_column)
    pairs = [pair.partition("=") for pair in relabel]
    names = {old: new for old, _, new in pairs}
    if not all(names) or not all(names.values()):
        raise InputError(f"--relabel takes OLD=NEW, such as covid=covid-19. Received: {' '.join(relabel)}")
    values = "; ".join(mask_values)
    read_mask_values(values)
    entries = [
        replace(
            entry,
            label=names.get(entry.label, entry.label),
            slice_labels=entry.slice_labels or slice_labels,
            mask_values=values or entry.mask_values,
        )
        for entry in find(source)
    ]
    gone = [entry.scan for entry in entries if not entry.scan.exists()]
    entries = [entry for entry in entries if entry.scan.exists()]
    if not entries:
        raise InputError(f"{source}: none of the {len(gone)} scans that its lists name is there.")
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
    if gone:
        shown = ", ".join(str(path) for path in gone[:5])
        click.echo(f"{len(gone)} scan(s) on the lists of {source} are not there, left out: {shown}", err=True)
        raise SystemExit(1)
