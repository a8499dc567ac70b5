from pathlib import Path

import click


@click.command()
@click.argument("answers", metavar="BUNDLE|PREDICTIONS", type=click.Path(path_type=Path))
@click.argument("truth", metavar="[MANIFEST|TRUTH]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--split",
    type=click.Choice(["train", "val", "test", "all"]),
    default="test",
    show_default=True,
    help="Scans of MANIFEST to evaluate on.",
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
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=(0.9, 0.95),
    show_default=True,
    help="Find the threshold for it on validation. Repeatable.",
)
@click.option(
    "--validation", type=click.Path(path_type=Path), help="Predictions to find thresholds on (a bundle's own)."
)
@click.option(
    "--reports",
    type=click.Choice(["misclassified", "all", "none"]),
    default="misclassified",
    show_default=True,
    help="Scans that get a page of their own.",
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
@click.option("--overwrite", is_flag=True, help="Replace an evaluation that is there.")
def evaluate(
    answers, truth, output, split, level, sensitivity, validation, resamples, labels, clicks, figures, **shown
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

    how = {"level": level, "wanted": sensitivity, "resamples": resamples}
    if answers.is_file():
        _table(answers, truth, output, validation, labels, how, shown)
        return
    if truth is None:
        raise InputError(f"no manifest: tfcovid evaluate {answers} MANIFEST. Received: {answers} alone")
    from tfcovid.cli.quiet_tensorflow import quiet_tensorflow
    from tfcovid.data import read_manifest

    # As in training, scans without a split train.
    entries = [entry for entry in read_manifest(truth) if split in ("all", entry.split or "train")]
    if not entries:
        raise InputError(f"{truth}: no scan in split {split}.")
    quiet_tensorflow()
    from tfcovid.inference import find_bundle, load, load_segmenter
    from tfcovid.inference.load import is_segmenter

    if is_segmenter(find_bundle(answers)):
        from tfcovid.cli.evaluate_masks import evaluate_masks

        evaluate_masks(load_segmenter(answers), entries, output, clicks, figures, shown["allow"])
        return
    if clicks or figures:
        raise InputError(
            f"--clicks and --figures are for segmenters; those of a system are {answers}/lungs and {answers}/then."
        )
    system = load(answers)
    if "out_of_fold" in system.facts and split != "test":
        raise InputError(
            f"{answers}: its members trained on scans of these splits, which flatters them; what they say of scans "
            "that they did not train on is in its card and validation.csv. Use --split test."
        )
    strange = sorted({entry.label for entry in entries} - set(system.config.labels))
    if strange:
        raise InputError(
            f"{truth}: labels that {answers} cannot give: {', '.join(strange)}. "
            f"Its labels: {', '.join(system.config.labels)}"
        )
    if validation is None and split == "test" and (find_bundle(answers) / "validation.csv").is_file():
        validation = find_bundle(answers) / "validation.csv"
    _system(system, entries, output, split, validation, how, shown)


def _table(predictions, truth, output, validation, labels, how, shown) -> None:
    from tfcovid.evaluation.read_cases import read_cases

    level = "slice" if how["level"] == "slice" else "scan"
    read, notes = read_cases(predictions, truth, level, labels.split(",") if labels else None)
    for note in notes:
        click.echo(f"  {note}", err=True)
    how["validation"] = validation and read_cases(validation, None, level, read.labels)[0]
    _finish(
        {level: read}, output, how, {"title": f"Evaluation of {predictions.stem}", "facts": {"notes": notes}} | shown
    )


def _system(system, entries, output, split, validation, how, shown) -> None:
    import shutil
    from tempfile import TemporaryDirectory

    from tfcovid.evaluation.read_cases import read_cases
    from tfcovid.inference.evaluate_system import evaluate_system, predictions_of, referred
    from tfcovid.into_place import check_folder
    from tfcovid.progress import with_progress
    from tfcovid.report.write_evaluation import KNOWN

    if output:
        check_folder(output, KNOWN, shown["overwrite"])
    how["validation"] = validation and read_cases(validation, None, "scan", system.config.labels)[0]
    with TemporaryDirectory() as nowhere:
        # Beside OUT until it is complete: what is there after a stop is not done again.
        work = output.with_name(f"{output.name}.work") if output else Path(nowhere)
        reports = shown["reports"] if output else "none"
        each = evaluate_system(system, entries, work, shown["allow"], reports)
        cases = list(with_progress(each, len(entries), "Scans", True))
        unreadable = [(str(entry.scan), case.error) for entry, case in zip(entries, cases, strict=True) if case.error]
        for scan, reason in unreadable:
            click.echo(f"not readable, left out: {scan}: {reason}", err=True)
        levels, slices = predictions_of(cases, system.config.labels)
        facts = {"bundle": system.facts, "split": split, **referred(cases)}
        pages = {case.row["scan"]: work / case.report for case in cases if case.report}
        what = {"title": f"Evaluation of {system.facts['name']}", "facts": facts, "unreadable": unreadable}
        _finish(levels, output, how, what | {"cases": pages, "slices": slices} | shown)
        if output:
            shutil.rmtree(work)
    if unreadable:
        raise SystemExit(1)


def _finish(levels, output, how, what) -> None:
    from tfcovid.evaluation.evaluation import evaluate as evaluated
    from tfcovid.inference.segmentation import RESEARCH_USE
    from tfcovid.report.write_evaluation import write_evaluation

    found = evaluated(levels, **how)
    click.echo(found)
    if output:
        what = {name: value for name, value in what.items() if name not in ("allow", "reports")}
        folder = write_evaluation(output, found, notice=RESEARCH_USE, **what)
        click.echo(folder / "report.html")
