from pathlib import Path

import click


@click.command()
@click.argument("config")
@click.argument("scan", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The figure, a .png file.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change the config, such as crop.margin=5.")
@click.option("--rows", default=6, show_default=True, type=click.IntRange(1, 50), help="Slices to show.")
@click.option("--draws", default=5, show_default=True, type=click.IntRange(1, 20), help="Random draws of each slice.")
@click.option("--seed", type=click.IntRange(0), help="Of the draws; that of the config by default.")
@click.option("--series", metavar="UID", help="Read this DICOM series; ? lists them. Default: axial, most slices.")
@click.option("--allow", multiple=True, metavar="FINDING", help="Read the scan in spite of this finding. Repeatable.")
def preview(config, scan, output, settings, rows, draws, seed, series, allow):
    """Show what the network of CONFIG will see of SCAN in training. Nothing is trained.

    Writes a contact sheet of slices spread through the scan, each as it is and as window and augmentation draw it,
    and beneath it the steps of the crop and the selection of slices, as the papers show them. Look at it before you
    train: a crop that misses the lungs, a wrong window or too wild an augmentation shows at a glance.

    CONFIG is a YAML file or the name of a config that ships with tfcovid. SCAN is what `tfcovid predict` reads.

    \b
    tfcovid preview m3lung CT_FOLDER -o m3lung.png
    tfcovid preview ssfl scan.nii.gz -o turned.png --set slice_training.augmentation.rotation=45
    """
    from tfcovid.cli.prepare import a_system
    from tfcovid.cli.quiet_tensorflow import quiet_tensorflow
    from tfcovid.config import load_config
    from tfcovid.errors import InputError
    from tfcovid.into_place import into_place
    from tfcovid.scans import read_scan

    if output.suffix.lower() != ".png":
        raise InputError(f"the figure is a PNG; give --output a name that ends in .png. Received: {output}")
    system = a_system(load_config(config, settings))
    read = read_scan(scan, series=series, allow=allow)
    for finding in read.findings:
        click.echo(f"  {finding}", err=True)
    quiet_tensorflow()
    from tfcovid.training.preview import preview as draw

    figure = draw(system, read, rows, draws, seed)
    output.parent.mkdir(parents=True, exist_ok=True)
    into_place(output, figure.savefig)
    click.echo(f"{output}: {read}")
