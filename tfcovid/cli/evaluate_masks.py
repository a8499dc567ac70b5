import click


def evaluate_masks(bundle, entries, output, clicks, figures, allow, runtime) -> None:
    """What `tfcovid evaluate` does with a segmenter."""
    import numpy as np

    from tfcovid.cli.say_runtime import say_runtime
    from tfcovid.errors import InputError
    from tfcovid.evaluation.click_figure import draw_click_curve
    from tfcovid.evaluation.mask_tables import MaskRow, mask_table, write_mask_rows
    from tfcovid.inference import load_segmenter
    from tfcovid.inference.overlay import draw_masks
    from tfcovid.inference.score_masks import score_masks
    from tfcovid.into_place import into_place
    from tfcovid.progress import with_progress

    counts = _counts(clicks)
    if output:
        if output.is_dir():
            raise InputError(f"--output of a segmenter is a CSV table. Received: {output}, which is a folder")
        output.parent.mkdir(parents=True, exist_ok=True)
    segmenter = load_segmenter(bundle, runtime, precision="float32")
    say_runtime(segmenter)
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


def _counts(clicks: str | None) -> list[int]:
    from tfcovid.errors import InputError

    parts = clicks.split(",") if clicks else []
    if not all(part.isdecimal() for part in parts):
        raise InputError(f"--clicks are whole numbers with commas between, such as 0,1,3,5,10. Received: {clicks}")
    return [int(part) for part in parts]
