from pathlib import Path

import click

from tfcovid.cli.runtime_option import runtime_option


@click.command()
@click.argument("answers", metavar="BUNDLE|PREDICTIONS", type=click.Path(path_type=Path))
@click.argument("truth", metavar="[MANIFEST|TRUTH]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--split",
    type=click.Choice(["train", "val", "test", "all"]),
    default="test",
    show_default=True,
    help="Scans of MANIFEST, or cases of a TRUTH with a column split, to evaluate on.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder for the report and the tables.")
@click.option(
    "--level",
    type=click.Choice(["slice", "scan", "patient"]),
    default="scan",
    show_default=True,
    help="What a case is; a patient's probabilities are the mean over their scans.",
)
@click.option(
    "--sensitivity",
    multiple=True,
    type=click.FloatRange(0, 1, min_open=True),
    default=(0.9, 0.95),
    show_default=True,
    help="Find the threshold for it on validation. Repeatable.",
)
@click.option(
    "--positive", metavar="LABEL", help="That the sensitivity is of. Default: any label but the negative one."
)
@click.option(
    "--validation", type=click.Path(path_type=Path), help="Predictions to find thresholds on (a bundle's own)."
)
@click.option(
    "--reports",
    type=click.Choice(["misclassified", "all", "none"]),
    default="misclassified",
    show_default=True,
    help="Scans that get a page of their own, by level scan.",
)
@click.option("--resamples", type=click.IntRange(100), default=1000, show_default=True, help="Of the bootstrap.")
@click.option(
    "--labels", metavar="A,B,...", help="Of PREDICTIONS with one column of probabilities: negative, positive."
)
@click.option("--names", is_flag=True, help="Name scans in the report as MANIFEST does, not by number.")
@click.option("--clicks", metavar="N,N,...", help="Of a segmenter: also Dice after so many simulated clicks.")
@click.option(
    "--figures", type=click.Path(path_type=Path), help="Of a segmenter: contours of each scan, to this folder."
)
@click.option("--allow", multiple=True, metavar="FINDING", help="Read scans in spite of this finding. Repeatable.")
@runtime_option
@click.option("--overwrite", is_flag=True, help="Replace an evaluation that is there.")
def evaluate(
    answers, truth, output, split, level, sensitivity, positive, validation, resamples, labels, clicks, figures, **shown
):
    """Say how well BUNDLE does on a split of MANIFEST, or how well PREDICTIONS do against TRUTH.

    Prints accuracy, sensitivity, specificity, predictive values, F1, AUC, average precision, the errors of M3Lung-Sys
    (FPE, FNE, FDPE), Brier score and calibration error, each with its 95 % interval from a bootstrap over patients.
    OUT gets a report (report.html), with ROC curves, reliability, net benefit and links to a page for each scan that
    was called something else; all figures (evaluation.json, figures.csv), and the predictions. Thresholds for a wanted
    sensitivity are found on the bundle's validation scans, never on the scans that are evaluated. A stopped run goes on
    where it was; scans that cannot be read are reported and left out (exit code 1).

    PREDICTIONS is a CSV from anywhere, with a column scan (any name of a case) and p_LABEL for each label; TRUTH one
    with scan, label and, if there are several scans of some, patient: a manifest will do. A file with truth in it, such
    as the predictions.csv of OUT, needs no TRUTH.

    Of a segmenter: Dice, 95 % Hausdorff distance, mean surface distance and volume error of each label, as mean and
    standard deviation over patients, for all scans and for each label of the manifest; OUT is a CSV with a row a scan.
    Those of a system are bundles inside its own, BUNDLE/lungs and BUNDLE/then.

    \b
    tfcovid evaluate bundle manifest.csv -o evaluation
    tfcovid evaluate bundle manifest.csv -o slices --level slice
    tfcovid evaluate their_predictions.csv manifest.csv -o theirs --validation their_validation.csv
    tfcovid evaluate lungs masks.csv -o rows.csv --figures contours
    tfcovid evaluate infection_bundle masks.csv --clicks 0,1,3,5,10
    """
    from tfcovid.errors import InputError

    output = output and output.resolve()  # "." has no name to put a temporary one beside
    if output and output in {path.resolve() for path in (answers, truth, validation) if path}:
        raise InputError(f"--output would replace what is read; choose another name. Received: {output}")
    how = {"level": level, "wanted": sensitivity, "positive": positive, "resamples": resamples}
    if answers.is_file():
        _only(_OF_TABLES, "a table of predictions")
        _table(answers, truth, output, split, validation, labels, how, shown)
        return
    if truth is None or (not answers.exists() and answers.suffix == ".csv"):
        raise InputError(f"no such file, or a bundle without a MANIFEST to evaluate it on. Received: {answers}")
    from tfcovid.cli.ready_runtime import ready_runtime
    from tfcovid.data import read_manifest

    # As in training, scans without a split train.
    entries = [entry for entry in read_manifest(truth) if split in ("all", entry.split or "train")]
    if not entries:
        raise InputError(f"{truth}: no scan in split {split}.")
    from tfcovid.inference import find_bundle
    from tfcovid.inference.load import is_segmenter

    bundle = find_bundle(answers)
    if is_segmenter(bundle):
        from tfcovid.cli.evaluate_masks import evaluate_masks

        _only(_OF_MASKS, "a segmenter")
        ready_runtime(bundle, shown["runtime"])
        evaluate_masks(bundle, entries, output, clicks, figures, shown["allow"], shown["runtime"])
        return
    from tfcovid.cli.evaluate_system import evaluate_system

    _only(
        _OF_SYSTEMS, f"a system; --clicks and --figures are for segmenters, such as {answers}/lungs and {answers}/then"
    )
    if level == "slice" and validation:
        raise InputError("--validation: thresholds are for scans and patients, not for slices.")
    ready_runtime(bundle, shown["runtime"])
    evaluate_system(bundle, entries, output, split, validation, how, shown)


_OF_TABLES = {
    "split",
    "output",
    "level",
    "sensitivity",
    "positive",
    "validation",
    "resamples",
    "labels",
    "names",
    "overwrite",
}
_OF_MASKS = {"split", "output", "clicks", "figures", "allow", "runtime"}
_OF_SYSTEMS = _OF_TABLES - {"labels"} | {"reports", "allow", "runtime"}


def _only(options: set[str], what: str) -> None:
    """Refuses options that would be without effect."""
    from tfcovid.errors import InputError

    context = click.get_current_context()
    given = {name for name in context.params if context.get_parameter_source(name).name == "COMMANDLINE"}
    strange = sorted(given - options - {"answers", "truth"})
    if strange:
        raise InputError(f"--{strange[0]} is not for {what}.")


def _table(predictions, truth, output, split, validation, labels, how, shown) -> None:
    from tfcovid.cli.evaluate_system import finish
    from tfcovid.errors import InputError
    from tfcovid.evaluation.read_cases import read_cases
    from tfcovid.into_place import check_folder
    from tfcovid.report.write_evaluation import KNOWN

    if output:
        check_folder(output, KNOWN, shown["overwrite"])
    level = "slice" if how["level"] == "slice" else "scan"
    read, notes = read_cases(predictions, truth, level, labels.split(",") if labels else None, split)
    for note in notes:
        click.echo(f"  {note}", err=True)
    if validation:
        if level == "slice":
            raise InputError("--validation: thresholds are for scans and patients, not for slices.")
        how["validation"], _ = read_cases(validation, None, level, read.labels)
    what = {"title": f"Evaluation of {predictions.stem}", "facts": {"notes": notes}}
    finish({level: read}, output, how, what | {name: shown[name] for name in ("names", "overwrite")})
