import json
from pathlib import Path

import click


@click.command()
@click.argument("config")
@click.argument("manifest", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The bundle to write, a folder.")
@click.option("--store", type=click.Path(path_type=Path), help="Prepared scans; BUNDLE.store by default.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change the config: slice_training.epochs=2.",
)
@click.option("--allow", multiple=True, metavar="FINDING", help="Read scans in spite of this finding. Repeatable.")
@click.option("--overwrite", is_flag=True, help="Replace a bundle that is there.")
@click.option("--dry-run", is_flag=True, help="Check config and manifest and say what would be trained.")
def train(config, manifest, output, store, settings, allow, overwrite, dry_run):
    """Train CONFIG on the scans of MANIFEST and write a bundle.

    The splits train and val are used, test never; scans without a split train. Work in progress is kept in
    BUNDLE.work: after a stop or a crash, the same command goes on behind the last finished epoch and ends with the
    same weights. Watch it with: tensorboard --logdir BUNDLE.work

    CONFIG is a YAML file or the name of a config that ships with tfcovid.
    """
    from collections import Counter

    from tfcovid.cli.quiet_tensorflow import quiet_tensorflow
    from tfcovid.config import load_config
    from tfcovid.data import read_manifest

    system = load_config(config, settings)
    entries = read_manifest(manifest)
    for (split, label), count in sorted(Counter((e.split or "train", e.label) for e in entries).items()):
        click.echo(f"  {split:6} {label:12} {count:5} scans{'  (not used)' if split == 'test' else ''}")
    for label in sorted(set(system.labels) - {e.label for e in entries}):
        click.echo(f"  no scan of label {label}: the system cannot learn it", err=True)

    quiet_tensorflow()
    from tfcovid.training import check_run, unmarked
    from tfcovid.training import train as train_system

    plain = unmarked(entries, system)
    if plain:
        click.echo(f"  {len(plain)} diseased scan(s) have no slice labels: all their slices count as ill", err=True)
    if dry_run:
        check_run(system, entries, output, overwrite)
        stage = system.slice_training
        click.echo(f"{system.name}: {stage.epochs} epochs of slices at {system.crop.size}, batch {stage.batch}")
        if system.trains_patients:
            click.echo(f"then {system.patient_training.epochs} epochs of patients")
        gone = [entry for entry in entries if not entry.scan.exists()]
        if gone:
            click.echo(f"{len(gone)} scan(s) do not exist and would be left out, such as {gone[0].scan}", err=True)
        click.echo("Nothing was written.")
        return

    bundle, failed = train_system(system, entries, output, store, allow, progress=True, overwrite=overwrite)
    for entry, reason in failed:
        click.echo(f"not readable, left out: {entry.scan}: {reason}", err=True)
    findings = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))["findings"]
    for name, count in sorted(findings.items()):
        click.echo(f"  {name}: {count} scan(s)")
    click.echo(f"{bundle}: done. Use it with: tfcovid predict {bundle} SCAN -o OUT")
