from pathlib import Path

import click


@click.command()
@click.argument("bundles", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The bundle to write, a folder.")
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Of two labels, the second is called from here on; by default that of the first bundle.",
)
def ensemble(bundles, output, threshold):
    """Join two or more BUNDLES into one, which answers with the mean of their probabilities.

    The new bundle holds copies. It is used like any other; its members share labels and windows.

    \b
    tfcovid ensemble eca_nfnet eff_mix_conv_e eff_mix_conv_s -o hybrid --threshold 0.5
    """
    from tfcovid.cli.quiet_tensorflow import quiet_tensorflow
    from tfcovid.errors import InputError

    quiet_tensorflow()
    from tfcovid.inference import write_ensemble

    names = {bundle.name: bundle for bundle in bundles}
    if len(names) < len(bundles):
        raise InputError("two bundles of one name cannot both be members; rename one of the folders.")
    write_ensemble(names, output, threshold)
    click.echo(f"{output}: {len(names)} members. Use it with: tfcovid predict {output} SCAN -o OUT")
