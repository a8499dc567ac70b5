from pathlib import Path

import click


@click.command()
@click.argument("systems", nargs=-1, required=True, metavar="A B [C]...", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder for tables and figures.")
@click.option(
    "--level",
    type=click.Choice(["slice", "scan", "patient"]),
    default="scan",
    show_default=True,
    help="What a case is; a patient's probabilities are the mean over their scans.",
)
@click.option("--names", metavar="A,B,...", help="What the systems are called; their files' names by default.")
@click.option("--labels", metavar="A,B,...", help="Of CSVs whose columns do not say it: the negative one first.")
@click.option("--resamples", type=click.IntRange(100), default=1000, show_default=True, help="Of the bootstrap.")
@click.option("--seed", default=0, type=click.IntRange(0), help="Of the bootstrap.")
@click.option(
    "--ablations",
    metavar="FILE",
    help="Train the variants that FILE lists on MANIFEST and compare them on its test split.",
)
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Ablations: change the config of all variants."
)
@click.option("--store", type=click.Path(path_type=Path), help="Ablations: prepared scans; OUT/store by default.")
@click.option(
    "--strategy",
    type=click.Choice(["auto", "one", "mirrored"]),
    default="auto",
    show_default=True,
    help="Ablations: devices, as in tfcovid train.",
)
@click.option("--workers", type=click.IntRange(1), help="Ablations: scans prepared at a time.")
@click.option("--allow", multiple=True, metavar="FINDING", help="Ablations: read scans in spite of it. Repeatable.")
@click.option("--overwrite", is_flag=True, help="Replace a comparison that is there.")
@click.option("--dry-run", is_flag=True, help="Ablations: say what would be trained, and with which settings.")
def compare(systems, output, level, names, labels, resamples, seed, ablations, settings, overwrite, dry_run, **how):
    """Say whether systems differ, or whether chance does: B, C, ... against A.

    Each is a CSV of predictions with the truth in it, a folder that `tfcovid evaluate -o` wrote, or a bundle, for its
    validation scans. Where they answered the same cases they are compared case by case; where they share none, as two
    samples. Differences with 95 % intervals and p-values from a bootstrap over patients, DeLong's test for AUCs,
    McNemar's for the calls; with more than two systems p-values are adjusted by Holm. OUT gets comparison.md (a table
    for a paper), comparison.csv, comparison.json, forest.png and roc.png.

    With --ablations, the only argument is a MANIFEST: all variants that FILE lists are trained on it, and compared on
    its split test in one table with ticks. Variants that are finished in OUT are kept, and a stopped run goes on. FILE
    is YAML, or the name of one that ships: m3lung_slices and m3lung_patients, Tables V and IV of M3Lung-Sys.

    \b
    tfcovid compare evaluation_a evaluation_b -o comparison
    tfcovid compare ours.csv theirs.csv other.csv --names Ours,COVNet,DeCovNet -o comparison --level patient
    tfcovid compare --ablations m3lung_slices manifest.csv -o ablations --dry-run
    tfcovid compare --ablations m3lung_slices manifest.csv -o ablations
    """
    from tfcovid.errors import InputError

    if ablations:
        if len(systems) != 1 or output is None:
            raise InputError("it is: tfcovid compare --ablations FILE MANIFEST -o OUT")
        if names or labels:
            raise InputError(f"--names, --labels: variants are named in {ablations}. Received: {names or labels}")
        if level == "slice":
            raise InputError("--level: variants are compared by scan or patient. Received: slice")
        _ablations(ablations, systems[0], output, level, resamples, seed, settings, dry_run, how)
        return
    if dry_run or settings or any(how[name] for name in ("store", "workers", "allow")):
        raise InputError("--dry-run, --set, --store, --workers and --allow go with --ablations.")
    from tfcovid.evaluation.compare import compare as compared
    from tfcovid.evaluation.read_systems import read_systems
    from tfcovid.into_place import check_folder

    if output:
        check_folder(output.resolve(), _WRITTEN, overwrite)
    named = dict(zip(_names(systems, names), systems, strict=True))
    found, notes = read_systems(named, level, labels.split(",") if labels else None)
    for note in notes:
        click.echo(f"  {note}", err=True)
    _finish(compared(found, resamples, seed), output)


_WRITTEN = ("comparison.json", "comparison.csv", "comparison.md", "forest.png", "roc.png")


def _names(systems, names) -> list[str]:
    from tfcovid.errors import InputError

    found = (
        names.split(",")
        if names
        else [path.resolve().stem if path.is_file() else path.resolve().name for path in systems]
    )
    if not names and len(set(found)) < len(found):
        found = [str(path) for path in systems]
    if len(found) != len(systems) or len(set(found)) < len(found):
        raise InputError(f"{len(systems)} systems need as many different names. Received: {', '.join(found)}")
    return found


def _finish(comparison, output, first=()) -> None:
    from tfcovid.evaluation.comparison_table import comparison_table
    from tfcovid.evaluation.write_comparison import write_comparison

    click.echo("\n".join([*first, *[""] * bool(first), *comparison_table(comparison)]))
    if output:
        write_comparison(comparison, output, first)
        click.echo(output / "comparison.md")


def _ablations(file, manifest, output, level, resamples, seed, settings, dry_run, how) -> None:
    from tfcovid.cli.quiet_tensorflow import quiet_tensorflow
    from tfcovid.config.ablations import read_ablations
    from tfcovid.data import read_manifest

    found = read_ablations(file, settings)
    entries = read_manifest(manifest)
    quiet_tensorflow()
    from tfcovid.evaluation.ablation_table import ablation_table
    from tfcovid.evaluation.compare import compare as compared
    from tfcovid.training.train_ablations import check_ablations, train_ablations

    folder = output / "variants"
    if dry_run:
        for name, bundle in check_ablations(found, entries, folder).items():
            done = " (finished)" if (bundle / "bundle.json").is_file() else ""
            click.echo(f"{name}{' (reference)' if name == found.reference else ''}: {bundle}{done}")
            click.echo("".join(f"  {setting}\n" for setting in found.settings[name]), nl=False)
        click.echo(f"{sum(entry.split == 'test' for entry in entries)} scans to test on. Nothing was written.")
        return
    how["store"] = how["store"] or output / "store"
    said, failed = {}, False
    for name, predictions, unreadable in train_ablations(found, entries, folder, progress=True, **how):
        said[name] = predictions.by_patient(found.variants[name].decide) if level == "patient" else predictions
        for entry, reason in unreadable:
            failed = True
            click.echo(f"{name}: not readable, left out: {entry.scan}: {reason}", err=True)
    said = {found.reference: said[found.reference], **said}
    comparison = compared(said, resamples, seed)
    _finish(comparison, output, ablation_table(comparison, found.ticks))
    if failed:
        raise SystemExit(1)
