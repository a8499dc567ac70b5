from pathlib import Path

import click


def evaluate_system(bundle, entries, output, split, validation, how, shown) -> None:
    """What `tfcovid evaluate` does with the bundle of a system."""
    from tempfile import TemporaryDirectory

    from tfcovid.cli.say_runtime import say_runtime
    from tfcovid.evaluation.read_cases import read_cases
    from tfcovid.inference import load
    from tfcovid.inference.evaluate_system import clear_work, evaluate_system, predictions_of, referred
    from tfcovid.into_place import check_folder
    from tfcovid.progress import with_progress
    from tfcovid.report.write_evaluation import KNOWN

    system = load(bundle, shown["runtime"], precision="float32")  # figures are the same on every processor
    say_runtime(system)
    labels = system.config.labels
    _check(system, bundle, entries, split, how["level"])
    if output:
        check_folder(output, KNOWN, shown["overwrite"])
    own = bundle / "validation.csv"
    # On scans that thresholds were found on, they would flatter.
    if validation or (split == "test" and own.is_file()):
        how["validation"], _ = read_cases(validation or own, None, "scan", labels)
        # Scans and patients of a bundle's own are numbers, which may be names of others elsewhere.
        how["apart"] = bool(validation)
    with TemporaryDirectory() as nowhere:
        # Beside OUT until it is complete: what is there after a stop is not done again.
        work = output.with_name(f".{output.name}.work") if output else Path(nowhere)
        reports = shown["reports"] if output and how["level"] == "scan" else "none"
        each = evaluate_system(system, entries, work, shown["allow"], reports)
        cases = list(with_progress(each, len(entries), "Scans", True))
        unreadable = [(str(entry.scan), case.error) for entry, case in zip(entries, cases, strict=True) if case.error]
        for scan, reason in unreadable:
            click.echo(f"not readable, left out: {scan}: {reason}", err=True)
        without = [case.not_by_slice for case in cases if case.not_by_slice]
        if without:
            click.echo(f"slice labels of {len(without)} scan(s) cannot be used: {without[0]}", err=True)
        levels, slices = predictions_of(cases, labels)
        finish(
            levels,
            output,
            how | {"decide": system.config.decide},
            {
                "title": f"Evaluation of {system.facts['name']}",
                "facts": {"bundle": system.facts, "runtime": system.runtime, "split": split, **referred(cases)},
                "unreadable": unreadable,
                "cases": {case.row["scan"]: work / case.report for case in cases if case.report},
                "slices": slices,
                "names": shown["names"],
                "overwrite": shown["overwrite"],
            },
        )
        if output and not unreadable:  # which are tried again next time, and only they
            clear_work(work)
    if unreadable:
        raise SystemExit(1)


def finish(levels, output, how, what) -> None:
    """Scores, prints and writes."""
    from tfcovid.evaluation.evaluation import evaluate
    from tfcovid.notice import RESEARCH_USE
    from tfcovid.report.write_evaluation import write_evaluation

    found = evaluate(levels, **how)
    click.echo(found)
    if output:
        click.echo(write_evaluation(output, found, notice=RESEARCH_USE, **what) / "report.html")


def _check(system, bundle, entries, split, level) -> None:
    from tfcovid.errors import InputError

    if split != "test":
        if "out_of_fold" in system.facts:
            raise InputError(
                f"{bundle}: its members trained on scans of these splits, which flatters them; what they say of scans "
                "that they did not train on is in its card and validation.csv. Use --split test."
            )
        if split != "val":
            click.echo(f"  split {split}: scans that the bundle may have been trained on flatter it", err=True)
    labels = system.config.labels
    strange = sorted({entry.label for entry in entries} - set(labels))
    if strange:
        raise InputError(
            f"labels of the manifest that {bundle} cannot give: {', '.join(strange)}. Its labels: {', '.join(labels)}"
        )
    if level == "slice" and not any(entry.slice_labels or entry.label == labels[0] for entry in entries):
        raise InputError(
            f"--level slice: no scan of split {split} has slice labels, and none is {labels[0]}. The manifest names "
            "them in its column slice_labels."
        )
