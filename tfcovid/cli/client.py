from pathlib import Path

import click


@click.command()
@click.argument("url")
@click.argument("scan", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder for the results. Default: only print.")
@click.option(
    "--export", metavar="DIR", type=click.Path(path_type=Path), help="Model name, labels and notice from here."
)
@click.option("--model", metavar="NAME", help="The model to ask. Default: that of --export.")
@click.option("--version", type=click.IntRange(min=0), help="Its version. Default: the latest that is ready.")
@click.option("--signature", metavar="NAME", help="Default: scan, or image_bytes of pictures.")
@click.option("--labels", metavar="A,B,...", help="Names of the classes. Default: those of --export, or numbers.")
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), default=300, show_default=True, help="Seconds.")
@click.option("--retries", type=click.IntRange(min=0), default=3, show_default=True, help="Of a server that is busy.")
@click.option("--series", metavar="UID", help="Read this DICOM series; ? lists them. Default: axial, most slices.")
@click.option("--allow", multiple=True, metavar="FINDING", help="Read scans in spite of this finding. Repeatable.")
@click.option("--overwrite", is_flag=True, help="Replace results that are there.")
def client(url, scan, output, export, model, version, signature, labels, timeout, retries, series, allow, overwrite):
    """Have SCAN diagnosed by the TF Serving at URL. Research use only.

    URL is http://HOST:8501 (REST; no TensorFlow is loaded here) or grpc://HOST:8500 (for whole scans far faster; pip
    install 'tfcovid[serving]'). The server serves what `tfcovid export BUNDLE --to savedmodel` wrote. SCAN is as in
    `tfcovid predict`; it is read here, and its slices go to the server as they are, without any name. OUT gets the
    answer (answer.json), a table of the slices (slices.csv) and, where the model makes one, the lesion map in the frame
    of the scan (lesion_map.nii.gz, per cent); of a segmenter its mask, and of embed its features.

    \b
    tfcovid client grpc://localhost:8500 CT_FOLDER --export EXPORT -o out
    tfcovid client http://localhost:8501 slice.png --model m3lung --signature image_bytes
    """
    from tfcovid.errors import InputError
    from tfcovid.into_place import check_folder
    from tfcovid.notice import RESEARCH_USE
    from tfcovid.report.rounded import rounded
    from tfcovid.scans import read_scan
    from tfcovid.serve import ANSWER_FILES, Address, ServedModel, ask_scan, read_export

    if output is not None:
        check_folder(output, ANSWER_FILES, overwrite)
    exported = None if export is None else read_export(export)
    if model is None and exported is None:
        raise InputError(
            "--model: name the model, as the server's models.config does, or give --export. Received: none"
        )
    names = tuple(name.strip() for name in labels.split(",")) if labels else exported and exported.labels
    if Address.parse(url).scheme == "grpc":
        from tfcovid.cli.quiet_tensorflow import quiet_tensorflow

        quiet_tensorflow()
    served = ServedModel(
        url, model or exported.model, version, timeout, retries, lambda words: click.echo(f"  {words}", err=True)
    )
    read = read_scan(scan, series=series, allow=allow, progress=True)
    for finding in read.findings:
        click.echo(f"  {finding}", err=True)
    with _waiting(f"Waiting for {served.name} at {url}"):
        answer = ask_scan(served, read, signature, names, exported.notice if exported else RESEARCH_USE)
    if output is not None:
        answer.save(output, overwrite)
    if answer.label is not None:
        click.echo(answer.label)
        for name, value in answer.probabilities.items():
            click.echo(f"  {name:12} {rounded(value)}")
    elif output is None:
        for row in answer.slice_table:
            found = "  ".join(f"{key.removeprefix('p_')} {rounded(p)}" for key, p in row.items() if key[:2] == "p_")
            click.echo(f"slice {row['slice']}: {found}")
    if output is not None:
        click.echo(output / "answer.json")
    click.echo(answer.notice)


def _waiting(words: str):
    """A sign of life on a terminal's standard error."""
    from rich.console import Console

    return Console(stderr=True).status(words)
