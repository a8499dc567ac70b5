from pathlib import Path

import click


@click.command()
@click.argument("folders", nargs=-1, metavar="[DIR]...", type=click.Path(path_type=Path))
@click.option("--csv", "csv_file", type=click.Path(path_type=Path), help="Also write the table, with all figures.")
def runs(folders, csv_file):
    """List the bundles and unfinished runs below each DIR, or compare some.

    Where every DIR is a bundle or an unfinished run (BUNDLE.work) itself, and there are two or more, they are
    compared: only the settings that differ, and their validation figures side by side.

    \b
    tfcovid runs
    tfcovid runs experiments --csv runs.csv
    tfcovid runs experiments/adam experiments/sgd
    """
    from functools import partial

    from rich.console import Console

    from tfcovid.evaluation.list_runs import compare_runs, is_run, list_runs, write_runs
    from tfcovid.into_place import into_place

    folders = folders or (Path(),)
    console = Console(width=None if Console().is_terminal else 160, highlight=False)
    found = list_runs(folders)
    if len(found) > 1 and len(folders) > 1 and all(map(is_run, folders)):
        # In the order in which they were named.
        found.sort(key=lambda run: [folder.resolve() for folder in folders].index(run.folder.resolve()))
        rows = [["", *(str(run.folder) for run in found)], *compare_runs(found)]
        console.print(_table(rows))
        write = partial(_write_rows, rows)
    elif found:
        rows = [["name", "folder", "started", "epochs", "validation", "time", "data"], *map(_row, found)]
        console.print(_table(rows))
        write = partial(write_runs, found)
    else:
        click.echo(f"no bundle and no unfinished run below {', '.join(map(str, folders))}")
        return
    if csv_file:
        into_place(csv_file, write)


def _row(run) -> list[str]:
    epochs = " + ".join(str(count) for count in run.epochs.values())
    return [
        run.name,
        str(run.folder),
        (run.started or "-")[:16].replace("T", " "),
        f"{epochs}{'' if run.finished else ', unfinished'}" if epochs else "-" if run.finished else "unfinished",
        ", ".join(f"{name.replace('_', ' ')} {run.figures[name]:.3f}" for name in _telling(run.figures)) or "-",
        _duration(run.seconds),
        (run.data_sha256 or "-")[:8],
    ]


def _telling(figures) -> list[str]:
    """At most three figures: accuracies and the like before losses."""
    return sorted(figures, key=lambda name: name.endswith("loss"))[:3]


def _duration(seconds) -> str:
    if seconds is None:
        return "-"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min" if minutes else f"{seconds:.0f} s"


def _table(rows):
    from rich.table import Table
    from rich.text import Text

    table = Table(*rows[0], box=None, pad_edge=False)
    for row in rows[1:]:
        # As text: a list in brackets is no markup.
        table.add_row(*map(Text, row))
    return table


def _write_rows(rows, path):
    import csv

    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
