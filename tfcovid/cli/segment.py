from pathlib import Path

import click

from tfcovid.cli.runtime_option import runtime_option


class _Triple(click.ParamType):
    """Three numbers with commas between."""

    def __init__(self, name: str):
        self.name = name

    def convert(self, value, param, ctx) -> tuple[float, ...]:
        from math import isfinite

        try:
            found = tuple(map(float, value.split(",")))
        except ValueError:
            found = ()
        if len(found) != 3 or not all(map(isfinite, found)):
            self.fail(f"give three numbers as {self.name}, with commas and no blanks. Received: {value!r}", param, ctx)
        return found


_VOXEL, _MM = _Triple("k,j,i"), _Triple("x,y,z")


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.argument("scan", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder for the results.")
@click.option("--positive", multiple=True, type=_VOXEL, help="A click on the infection, voxel of the file. Repeatable.")
@click.option("--negative", multiple=True, type=_VOXEL, help="A click beside the infection. Repeatable.")
@click.option("--positive-mm", multiple=True, type=_MM, help="On the infection, patient mm (LPS). Repeatable.")
@click.option("--negative-mm", multiple=True, type=_MM, help="Beside the infection, patient mm (LPS). Repeatable.")
@click.option("--points", multiple=True, metavar="FILE", type=click.Path(path_type=Path), help="Clicks in a JSON file.")
@click.option("--series", metavar="UID", help="Read this DICOM series; ? lists them. Default: axial, most slices.")
@click.option("--allow", multiple=True, metavar="FINDING", help="Read scans in spite of this finding. Repeatable.")
@runtime_option
@click.option("--overwrite", is_flag=True, help="Replace results that are there.")
@click.option("--dry-run", is_flag=True, help="List the scans, and where each click lies; write nothing.")
def segment(
    bundle,
    scan,
    output,
    positive,
    negative,
    positive_mm,
    negative_mm,
    points,
    series,
    allow,
    runtime,
    overwrite,
    dry_run,
):
    """Outline lungs and infection of SCAN with BUNDLE. Research use only.

    BUNDLE is a folder written by `tfcovid train` from the config of a segmenter, or of a system that goes on to one, or
    the name of a segmenter that ships with tfcovid. SCAN is as in `tfcovid predict`. OUT gets the masks in the frame of
    the scan (masks.nii.gz, label names in labels.txt), the volumes of the lungs and the share involved (volumes.csv),
    every lesion (lesions.csv), contours (figure.png), all slices for a browser (scroll.html) and all figures with the
    settings (segmentation.json).

    A segmenter with guidance takes clicks. k,j,i counts voxels of the file from 0: for DICOM k is the slice, in an
    axial series from feet to head, j the row, i the column; for NIfTI, NRRD and MHA they are the file's own axes, last
    one first. x,y,z is mm towards the patient's left, back and head; viewers of NIfTI often show the first two with the
    other sign (RAS). FILE says which it holds: {"space": "voxel", "positive": [[k, j, i]], "negative": []}, or "lps" or
    "ras" for mm; or it is a .mrk.json of 3D Slicer, where "negative" in the label of a point makes it so. See with
    --dry-run where clicks lie.

    A folder of many scans works too, without clicks: each gets a folder in OUT, of the same path as the scan;
    segmentations.csv lists them all, scans that cannot be read are reported and left out (exit code 1), and scans
    already there are kept. What --runtime says is in `tfcovid predict --help`.

    \b
    tfcovid segment bundle CT_FOLDER -o out
    tfcovid segment bundle scan.nii.gz -o out --positive 40,210,160 --negative 40,230,120
    tfcovid segment bundle CT_FOLDER -o out --points lesion.mrk.json
    """
    from tfcovid.cli.ready_runtime import ready_runtime
    from tfcovid.cli.say_runtime import say_runtime
    from tfcovid.errors import InputError
    from tfcovid.scans.finding import check_names

    check_names(allow)
    if not scan.exists():
        raise InputError(f"no such scan: {scan}")
    from tfcovid.inference import load_segmenter, scans_to_predict

    if output.exists() and not output.is_dir():
        raise InputError(f"--output is a folder. Received: {output}, which is a file")
    scans = scans_to_predict(scan, output) or [scan]
    given = {"voxel": (positive, negative), "lps": (positive_mm, negative_mm)}
    clicked = bool(points) or any(any(both) for both in given.values())
    if len(scans) > 1 and clicked:
        raise InputError(f"clicks are for one scan; there are {len(scans)} in {scan}. Give one of them.")
    if len(scans) > 1 and series:
        raise InputError(f"--series is for one scan; there are {len(scans)} in {scan}.")
    if dry_run:
        click.echo("\n".join(map(str, scans)))
        if clicked:
            _list_clicks(*_read(scans[0], series, allow, given, points)[:2])
        return
    if len(scans) > 1:
        ready_runtime(bundle, runtime)
        _many(load_segmenter(bundle, runtime), scan, len(scans), output, allow, overwrite)
        return
    if output.is_dir() and not overwrite and any(output.iterdir()):
        raise InputError(f"{output} is not empty; choose another folder or pass --overwrite.")
    ready_runtime(bundle, runtime)
    segmenter = load_segmenter(bundle, runtime)
    say_runtime(segmenter)
    image, clicks, seconds = _read(scans[0], series, allow, given, points)
    segmentation = segmenter.segment(image, clicks=clicks if clicked else None, progress=True)
    segmentation.timings["read"] = seconds
    segmentation.save(output, overwrite)
    if segmentation.sides is not None and not segmentation.sides.any():
        click.echo("no lungs found in this scan: look at the figure", err=True)
    for row in segmentation.table:
        infection = ""
        if segmentation.infection is not None:
            share = _figure(row["involved_percent"], "% of it")
            infection = f", infection {_figure(row['infection_ml'], 'ml')}, {share}"
        click.echo(f"{row['region']:12} {_figure(row['volume_ml'], 'ml')}{infection}")
    if segmentation.left_out:
        click.echo(
            f"{segmentation.left_out:,} voxels that look infected lie farther than 5 mm from the lungs: left out"
        )
    if (score := segmentation.severity["severity_score"]) is not None:
        click.echo(f"severity score {score} of {segmentation.severity['severity_most']}, by thirds of each lung")
    click.echo(f"{output / 'figure.png'}\n{output / 'scroll.html'}\n{segmentation.notice}")


def _read(path: Path, series, allow, given: dict, points):
    """The scan, its clicks, and the seconds that reading took."""
    from time import perf_counter

    from tfcovid.inference import Clicks, read_clicks
    from tfcovid.scans import read_scan

    started = perf_counter()
    scan = read_scan(path, series=series, allow=allow, progress=True)
    seconds = perf_counter() - started
    for finding in scan.findings:
        click.echo(f"  {finding}", err=True)
    clicks = [Clicks.of(scan, *both, space) for space, both in given.items()]
    clicks += [read_clicks(file, scan) for file in points]
    return scan, sum(clicks, Clicks()), seconds


def _list_clicks(scan, clicks) -> None:
    for name, places, mm in zip(
        ("positive", "negative"), (clicks.positive, clicks.negative), clicks.mm(scan), strict=True
    ):
        for place, at in zip(places, mm, strict=True):
            slice_, row, column = (f"{value:g}" for value in place.round(2))
            where = ", ".join(f"{value:.1f}" for value in at)
            click.echo(
                f"  {name}: slice {slice_} from the feet, row {row} from the front, column {column} from the patient's "
                f"right; {where} mm (LPS)"
            )


def _figure(value: float | None, unit: str) -> str:
    return "unknown" if value is None else f"{value:.1f} {unit}"


def _many(segmenter, folder: Path, count: int, output: Path, allow, overwrite) -> None:
    from tfcovid.cli.say_runtime import say_runtime
    from tfcovid.inference import segment_folder

    say_runtime(segmenter)
    failed = 0
    for number, outcome in enumerate(segment_folder(segmenter, folder, output, allow, overwrite), 1):
        if outcome.summary:
            both = outcome.summary["regions"][-1]
            share = both["involved_percent"]
            involved = "" if share is None else f", {share:.1f} % involved"
            click.echo(f"{number}/{count} {outcome.name}: lungs {_figure(both['volume_ml'], 'ml')}{involved}")
            for finding in outcome.summary["scan"]["findings"]:
                click.echo(f"  {finding['severity']} {finding['name']}: {finding['seen']}")
        else:
            failed += 1
            click.echo(f"{number}/{count} {outcome.name}: left out: {outcome.error}", err=True)
    click.echo(f"{output / 'segmentations.csv'}: {count - failed} scans segmented, {failed} left out")
    if failed:
        raise SystemExit(1)
