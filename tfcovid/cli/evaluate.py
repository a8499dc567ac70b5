from pathlib import Path

import click


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.argument("manifest", type=click.Path(path_type=Path))
@click.option(
    "--split",
    type=click.Choice(["train", "val", "test", "all"]),
    default="test",
    show_default=True,
    help="Scans to evaluate on.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the predictions to this CSV table.")
@click.option("--allow", multiple=True, metavar="FINDING", help="Read scans in spite of this finding. Repeatable.")
def evaluate(bundle, manifest, split, output, allow):
    """Diagnose the scans of a split of MANIFEST with BUNDLE and print how well that goes.

    Accuracy, macro-F1 and AUC with 95 % intervals from 1,000 bootstrap resamples of the patients. With --split val it
    prints what stands in the card of a bundle. Scans that cannot be read are reported and left out (exit code 1).

    \b
    tfcovid evaluate bundle manifest.csv --split val
    """
    from tfcovid.cli.quiet_tensorflow import quiet_tensorflow
    from tfcovid.data import read_manifest
    from tfcovid.errors import InputError

    # As in training, scans without a split train.
    entries = [entry for entry in read_manifest(manifest) if split in ("all", entry.split or "train")]
    if not entries:
        raise InputError(f"{manifest}: no scan in split {split}.")
    quiet_tensorflow()
    from tfcovid.evaluation import score
    from tfcovid.evaluation.predictions import write_predictions
    from tfcovid.inference import load
    from tfcovid.into_place import into_place
    from tfcovid.progress import with_progress
    from tfcovid.scans import read_scan

    system = load(bundle)
    if "out_of_fold" in system.facts and split != "test":
        raise InputError(
            f"{bundle}: its members trained on scans of these splits, which flatters them; what they say of scans that "
            "they did not train on is in its card and validation.csv. Use --split test."
        )
    strange = sorted({entry.label for entry in entries} - set(system.config.labels))
    if strange:
        raise InputError(
            f"{manifest}: labels that {bundle} cannot give: {', '.join(strange)}. "
            f"Its labels: {', '.join(system.config.labels)}"
        )
    rows, failed = [], 0
    for entry in with_progress(entries, len(entries), "Scans", True):
        try:
            found = system.predict(read_scan(entry.scan, allow=allow))
        except Exception as error:  # whatever one bad scan in a thousand raises
            failed += 1
            reason = error if isinstance(error, InputError) else f"unexpected {error!r}"
            click.echo(f"not readable, left out: {entry.scan}: {reason}", err=True)
            continue
        row = {"scan": str(entry.scan), "patient": entry.patient, "truth": entry.label, "called": found.label}
        rows.append({**row, **{f"p_{label}": value for label, value in found.probabilities.items()}})
    found = [{label: row[f"p_{label}"] for label in system.config.labels} for row in rows]
    truth, patients, called = ([row[name] for row in rows] for name in ("truth", "patient", "called"))
    click.echo(score(truth, found, patients, called))
    if output:
        into_place(output, lambda path: write_predictions(rows, path))
    if failed:
        raise SystemExit(1)
