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
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write a row for every scan to this CSV table.")
@click.option("--clicks", metavar="N,N,...", help="Of a segmenter: also Dice after so many simulated clicks.")
@click.option(
    "--figures",
    type=click.Path(path_type=Path),
    help="Of a segmenter: contours of each scan, to this folder.",
)
@click.option("--allow", multiple=True, metavar="FINDING", help="Read scans in spite of this finding. Repeatable.")
def evaluate(bundle, manifest, split, output, clicks, figures, allow):
    """Diagnose or segment the scans of a split of MANIFEST with BUNDLE and print how well that goes.

    Accuracy, macro-F1 and AUC with 95 % intervals from 1,000 bootstrap resamples of the patients. With --split val it
    prints what stands in the card of a bundle. Scans that cannot be read are reported and left out (exit code 1).

    Of a segmenter: Dice, 95 % Hausdorff distance, mean surface distance and volume error of each label, as mean and
    standard deviation over patients, for all scans and for each label of the manifest. Those of a system are bundles
    inside its own, BUNDLE/lungs and BUNDLE/then.

    \b
    tfcovid evaluate bundle manifest.csv --split val
    tfcovid evaluate lungs masks.csv -o rows.csv --figures contours
    tfcovid evaluate infection_bundle masks.csv --clicks 0,1,3,5,10
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
    from tfcovid.inference import find_bundle, load, load_segmenter
    from tfcovid.inference.load import is_segmenter
    from tfcovid.into_place import into_place
    from tfcovid.progress import with_progress
    from tfcovid.scans import read_scan

    if is_segmenter(find_bundle(bundle)):
        _masks(load_segmenter(bundle), entries, output, _counts(clicks), figures, allow)
        return
    if clicks or figures:
        raise InputError(
            f"--clicks and --figures are for segmenters; those of a system are {bundle}/lungs and {bundle}/then."
        )
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
            found = system.diagnose(read_scan(entry.scan, allow=allow))
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


def _counts(clicks: str | None) -> list[int]:
    from tfcovid.errors import InputError

    parts = clicks.split(",") if clicks else []
    if not all(part.isdecimal() for part in parts):
        raise InputError(f"--clicks are whole numbers with commas between, such as 0,1,3,5,10. Received: {clicks}")
    return [int(part) for part in parts]


def _masks(segmenter, entries, output, counts: list[int], figures, allow) -> None:
    import numpy as np

    from tfcovid.evaluation.click_figure import draw_click_curve
    from tfcovid.evaluation.mask_tables import MaskRow, mask_table, write_mask_rows
    from tfcovid.inference.overlay import draw_masks
    from tfcovid.inference.score_masks import score_masks
    from tfcovid.into_place import into_place
    from tfcovid.progress import with_progress

    segmenter.finder = None  # lungs that it does not outline are not compared
    rows, curves, failed = [], [], 0
    each = score_masks(segmenter, entries, allow, counts)
    for n, one in enumerate(with_progress(each, len(entries), "Scans", True)):
        if one.error:
            failed += 1
            click.echo(f"not readable, left out: {one.entry.scan}: {one.error}", err=True)
            continue
        rows.append(MaskRow(str(one.entry.scan), one.entry.patient, one.entry.label, one.scores))
        if one.by_clicks:
            curves.append(one.by_clicks)
        if figures:
            figures.mkdir(parents=True, exist_ok=True)
            figure = draw_masks(one.scan, one.found, segmenter.config.labels, truth=one.truth)
            into_place(figures / f"{n:04d}.png", figure.savefig)
    if rows:
        click.echo("\n".join(mask_table(rows)))
    if curves:
        click.echo(f"\n| clicks | Dice of the infection, mean over {len(curves)} scans |\n|---|---|")
        for count in counts:
            click.echo(f"| {count} | {np.mean([curve[count] for curve in curves]):.3f} |")
        if figures:
            draw_click_curve(curves, figures / "clicks.png")
    if output and rows:
        into_place(output, lambda path: write_mask_rows(rows, path))
    if failed:
        raise SystemExit(1)
