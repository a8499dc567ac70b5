from pathlib import Path

import click


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--patients", default=8, show_default=True, type=click.IntRange(1), help="Of each class.")
@click.option("--seed", default=0, show_default=True)
@click.option("--format", "file_format", default="dicom", show_default=True, type=click.Choice(["dicom", "nifti"]))
@click.option("--shape", type=(int, int, int), metavar="SLICES HEIGHT WIDTH", help="Of every scan; drawn by default.")
@click.option(
    "--severity", type=(float, float), metavar="LOW HIGH", help="How ill, from 0 to 1; mostly mild by default."
)
def phantom(folder, patients, seed, file_format, shape, severity):
    """Write a cohort of synthetic chest CT into FOLDER, with truth in FOLDER_masks.

    Four classes: healthy, covid-19, h1n1 and cap, as FOLDER/CLASS/PATIENT. FOLDER_masks holds the lungs and the
    lesions as NIfTI and slice_labels.csv. Nobody's anatomy: for trying things out, tests and teaching.
    """
    from tfcovid.phantom import write_cohort

    write_cohort(
        folder, patients=patients, seed=seed, shape=shape, severity=severity, format=file_format, progress=True
    )
    click.echo(f"{folder}: {4 * patients} scans; truth in {folder}_masks")
