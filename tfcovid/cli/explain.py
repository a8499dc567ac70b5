from pathlib import Path

import click


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.argument("scan", type=click.Path(path_type=Path), required=False)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder for the results.")
@click.option(
    "--slice", "slices", multiple=True, type=int, metavar="K", help="Show slice K, from the feet. Repeatable."
)
@click.option("--layer", "layers", multiple=True, metavar="NAME", help="Show what this layer sees. Repeatable.")
@click.option("--label", help="What speaks for this label alone (Grad-CAM). Default: for any label but the first.")
@click.option("--layers", "list_layers", is_flag=True, help="List the layers whose feature maps can be shown.")
@click.option("--series", metavar="UID", help="Read this DICOM series; ? lists them. Default: axial, most slices.")
@click.option("--allow", multiple=True, metavar="FINDING", help="Read scans in spite of this finding. Repeatable.")
@click.option("--overwrite", is_flag=True, help="Replace results that are there.")
def explain(bundle, scan, output, slices, layers, label, list_layers, series, allow, overwrite):
    """Show where in SCAN BUNDLE sees what it calls. Research use only.

    BUNDLE and SCAN are as in `tfcovid predict`. OUT gets the heat map in the frame of the scan (heat_map.nii.gz, per
    cent), a sheet of slices with the map beneath (heat_map.png: warm is suspicious, or with --label what speaks for
    it, on one scale for all slices and scans, 0 outside the body and outside the box the network read), feature maps of
    the layers asked for (features/) and the share of each lung that the map marks (explanation.json).

    The map comes from the output weights of the slice network, or from the lesion prototypes of M3Lung-Sys. It shows
    what moved the network, which need not be a lesion, and its cells are coarse. Of an ensemble it is the mean of the
    members; Grad-CAM and feature maps are those of the first one.

    \b
    tfcovid explain covid_ct CT_FOLDER -o out
    tfcovid explain bundle scan.nii.gz -o out --slice 40 --slice 52 --label h1n1
    tfcovid explain bundle --layers
    tfcovid explain bundle scan.nii.gz -o out --slice 40 --layer conv2_block1_out
    """
    from tfcovid.cli.quiet_tensorflow import quiet_tensorflow
    from tfcovid.errors import InputError
    from tfcovid.scans.finding import check_names

    check_names(allow)
    if not list_layers:
        if scan is None or output is None:
            raise click.UsageError("give SCAN and -o OUT, or --layers.")
        if not scan.exists():
            raise InputError(f"no such scan: {scan}")
        if output.exists() and not output.is_dir():
            raise InputError(f"--output is a folder. Received: {output}, which is a file")
        if output.is_dir() and not overwrite and any(output.iterdir()):
            raise InputError(f"{output} is not empty; choose another folder or pass --overwrite.")
    quiet_tensorflow()
    from tfcovid.explain import feature_maps
    from tfcovid.inference import explain_scan, load
    from tfcovid.scans import read_scan

    system = load(bundle, "keras")
    if list_layers:
        member = next(iter(system.members.values())) if hasattr(system, "members") else system
        for name, shape in feature_maps(member.slice_network).items():
            click.echo(f"{name:40} {' x '.join(str(side or '?') for side in shape[1:])}")
        return
    image = read_scan(scan, series=series, allow=allow, progress=True)
    for finding in image.findings:
        click.echo(f"  {finding}", err=True)
    found = explain_scan(system, image, label=label, slices=slices, layers=layers, progress=True)
    found.save(output, overwrite)
    click.echo(f"{found.diagnosis.label}; map of {found.map_of}, {found.method}")
    for name, share in found.share.items():
        click.echo(f"  {name:12} " + ("not found" if share is None else f"{share:.1f} % is {found.warm}"))
    click.echo(f"{output / 'heat_map.png'}\n{found.diagnosis.notice}")
