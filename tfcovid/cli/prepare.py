from pathlib import Path

import click

_HANDFUL = 10  # scans that need no estimate


@click.command()
@click.argument("config")
@click.argument("manifest", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The store, a folder.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change the config, such as crop.margin=5.")
@click.option("--allow", multiple=True, metavar="FINDING", help="Read scans in spite of this finding. Repeatable.")
@click.option("--workers", type=click.IntRange(1), help="Scans at a time; by default one a processor, at most four.")
@click.option("--dry-run", is_flag=True, help="Say what is left to do, how long it takes and how much space.")
def prepare(config, manifest, output, settings, allow, workers, dry_run):
    """Crop the scans of MANIFEST as CONFIG says and keep the slices in a store.

    `tfcovid train` does this by itself; do it beforehand to look at failures, or to share a store between
    configs that crop alike. Stop it whenever you like: the same command goes on with what is missing. Scans or
    settings that changed are prepared anew. Before more than a handful of scans, one of them is tried and an
    estimate of time and disk space is printed.

    CONFIG is a YAML file or the name of a config that ships with tfcovid.

    \b
    How long it will take, and how large it will be:  tfcovid prepare m3lung manifest.csv -o store --dry-run
    Then do it:                                       tfcovid prepare m3lung manifest.csv -o store
    """
    from tfcovid.cli.quiet_tensorflow import quiet_tensorflow
    from tfcovid.config import load_config
    from tfcovid.data import estimate, read_manifest
    from tfcovid.data import prepare as prepare_scans
    from tfcovid.inference import lung_finder

    system = a_system(load_config(config, settings))
    entries = read_manifest(manifest)
    quiet_tensorflow()
    finder = lung_finder(system)
    if dry_run or len(entries) > _HANDFUL:
        expected = estimate(system, entries, output, allow, workers, finder)
        if dry_run or expected.left > _HANDFUL:
            announce(expected, output)
    if dry_run:
        return
    done, failed = prepare_scans(system, entries, output, allow, workers, progress=True, finder=finder)
    click.echo(f"{output}: {len(done)} scans, {sum(len(scan.index) for scan in done)} slices")
    report(done, failed)


def a_system(config):
    """The config, if slices can be cropped as it says before anything is trained; an InputError otherwise."""
    from tfcovid.config import Segmenter
    from tfcovid.errors import InputError

    if isinstance(config, Segmenter):
        raise InputError(f"{config.name} is a segmenter, whose scans `tfcovid train` prepares; this is for systems.")
    if config.lungs:
        raise InputError(
            f"{config.name} trains the segmenter that its crop needs, so `tfcovid train` prepares its scans. To crop "
            "by the one that ships: --set lungs=null"
        )
    return config


def announce(expected, output) -> None:
    """Prints an estimate, and a warning if the disk has less room."""
    click.echo(f"{output}: {expected.done} scans are there, {expected.left} to prepare", nl=False)
    if not expected.left:
        click.echo()
    elif expected.bytes is None:
        click.echo("; the scans tried first cannot be read, so nothing is known of time and space")
    else:
        minutes = expected.seconds / 60
        took = (
            f"{expected.seconds:.0f} s"
            if minutes < 2
            else f"{minutes:.0f} min"
            if minutes < 120
            else f"{minutes / 60:.1f} h"
        )
        click.echo(f": about {took} and {_size(expected.bytes)} on disk, {_size(expected.free)} free")
        if expected.bytes > expected.free:
            click.echo(f"warning: the disk of {output} has less room than that", err=True)
    if expected.missing:
        click.echo(f"{expected.missing} scan(s) do not exist and will be left out", err=True)


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


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
