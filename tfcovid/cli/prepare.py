from pathlib import Path

import click


@click.command()
@click.argument("config")
@click.argument("manifest", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The store, a folder.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change the config, such as crop.margin=5.")
@click.option("--allow", multiple=True, metavar="FINDING", help="Read scans in spite of this finding. Repeatable.")
@click.option("--workers", type=click.IntRange(1), help="Scans at a time; by default one a processor, at most four.")
@click.option("--dry-run", is_flag=True, help="Say what would be done and how much space it takes.")
def prepare(config, manifest, output, settings, allow, workers, dry_run):
    """Crop the scans of MANIFEST as CONFIG says and keep the slices in a store.

    `tfcovid train` does this by itself; do it beforehand to look at failures, or to share a store between
    configs that crop alike. Stop it whenever you like: the same command goes on with what is missing. Scans or
    settings that changed are prepared anew.

    CONFIG is a YAML file or the name of a config that ships with tfcovid.
    """
    from tfcovid.cli.quiet_tensorflow import quiet_tensorflow
    from tfcovid.config import load_config
    from tfcovid.data import prepare as prepare_scans
    from tfcovid.data import read_manifest

    system = load_config(config, settings)
    entries = read_manifest(manifest)
    if dry_run:
        height, width = system.crop.size
        slice_kb = height * width * 2 / 1000
        click.echo(
            f"{len(entries)} scans into {output}; {slice_kb:.0f} kB a slice, {slice_kb / 10:.0f} MB a 100 slices"
        )
        return
    quiet_tensorflow()
    done, failed = prepare_scans(system, entries, output, allow, workers, progress=True)
    click.echo(f"{output}: {len(done)} scans, {sum(len(scan.index) for scan in done)} slices")
    report(done, failed)


def report(done, failed) -> None:
    """Prints what the checks found and which scans are missing; exit code 1 if any is."""
    from collections import Counter

    for (name, severity), count in sorted(Counter((f[0], f[1]) for scan in done for f in scan.findings).items()):
        click.echo(f"  {severity} {name}: {count} scan(s)")
    for entry, reason in failed:
        click.echo(f"not readable, left out: {entry.scan}: {reason}", err=True)
    if failed:
        click.echo(f"{len(failed)} of {len(failed) + len(done)} scans left out.", err=True)
        raise SystemExit(1)
