from pathlib import Path

import click

from tfcovid.cli.runtime_option import runtime_option


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.argument("scan", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder for the results.")
@click.option("--series", metavar="UID", help="Read this DICOM series; ? lists them. Default: axial, most slices.")
@click.option("--allow", multiple=True, metavar="FINDING", help="Read scans in spite of this finding. Repeatable.")
@click.option("--with-identity", is_flag=True, help="Say in report.html who the patient is. For one scan.")
@runtime_option
@click.option("--overwrite", is_flag=True, help="Replace results that are there.")
@click.option("--dry-run", is_flag=True, help="List the scans that would be diagnosed.")
def predict(bundle, scan, output, series, allow, with_identity, runtime, overwrite, dry_run):
    """Diagnose SCAN with BUNDLE. Research use only.

    BUNDLE is a folder written by `tfcovid train`, or the name of a bundle that ships with tfcovid: covid_ct, for single
    slices, or demo, which has only seen phantoms. SCAN is a folder of DICOM files, a .zip of one, NIfTI, NRRD, MHA, or
    slice images. OUT gets a report for any browser (report.html), the same for programs (report.json), a table of the
    slices (slices.csv), the lesion map in the frame of the scan (lesion_map.nii.gz, per cent) and a figure
    (figure.png); of a system that crops by an Attention U-Net the lungs (lungs.nii.gz), and of one that goes on to
    segment, what `tfcovid segment` writes (segmentation/). No field of the header that names the patient is taken
    unless asked for; what is written into the pixels stays there, and a folder of many scans keeps their file names.

    A folder of many scans works too: each gets a folder in OUT, of the same path as the scan; predictions.csv lists
    them all, scans that cannot be read are reported and left out (exit code 1), and scans already there are kept.

    BUNDLE may also be one that `tfcovid export --to openvino` wrote, which needs no TensorFlow. The runtimes openvino
    and litert compile any other BUNDLE at the first time, and keep that in ~/.cache/tfcovid or $TFCOVID_CACHE.

    \b
    tfcovid predict bundle CT_FOLDER -o out
    """
    from tfcovid.cli.ready_runtime import ready_runtime
    from tfcovid.cli.say_runtime import say_runtime
    from tfcovid.errors import InputError
    from tfcovid.scans.finding import check_names

    check_names(allow)
    if not scan.exists():
        raise InputError(f"no such scan: {scan}")
    from tfcovid.inference import load, predict_folder, scans_to_predict
    from tfcovid.inference.diagnosis import DIAGNOSIS_FILES
    from tfcovid.into_place import check_folder

    if output.exists() and not output.is_dir():
        raise InputError(f"--output is a folder. Received: {output}, which is a file")
    scans = scans_to_predict(scan, output) or [scan]
    if dry_run:
        click.echo("\n".join(map(str, scans)))
        return
    if len(scans) == 1:
        if output.is_dir() and not overwrite and any(output.iterdir()):
            raise InputError(f"{output} is not empty; choose another folder or pass --overwrite.")
        check_folder(output, DIAGNOSIS_FILES, overwrite)
        ready_runtime(bundle, runtime)
        _one(bundle, runtime, scans[0], output, series, allow, with_identity, overwrite)
        return
    if series or with_identity:
        raise InputError(f"--series and --with-identity are for one scan; there are {len(scans)} in {scan}.")
    ready_runtime(bundle, runtime)
    system, failed = load(bundle, runtime), 0
    say_runtime(system)
    for number, outcome in enumerate(predict_folder(system, scan, output, allow, overwrite), 1):
        if outcome.summary:
            refer = "; ".join(outcome.summary["uncertainty"]["reasons"])
            refer = f", refer to a radiologist: {refer}" if refer else ""
            click.echo(f"{number}/{len(scans)} {outcome.name}: {outcome.summary['diagnosis']}{refer}")
            if "not_segmented" in outcome.summary:
                click.echo(f"  not segmented: {outcome.summary['not_segmented']}", err=True)
            for finding in outcome.summary["scan"]["findings"]:
                click.echo(f"  {finding['severity']} {finding['name']}: {finding['seen']}")
        else:
            failed += 1
            click.echo(f"{number}/{len(scans)} {outcome.name}: left out: {outcome.error}", err=True)
    click.echo(f"{output / 'predictions.csv'}: {len(scans) - failed} scans diagnosed, {failed} left out")
    if failed:
        raise SystemExit(1)


def _one(bundle, runtime, path: Path, output: Path, series, allow, with_identity, overwrite) -> None:
    from concurrent.futures import ThreadPoolExecutor
    from time import perf_counter

    from tfcovid.cli.say_runtime import say_runtime
    from tfcovid.inference import load
    from tfcovid.inference.diagnosis import ready_to_save
    from tfcovid.report.rounded import rounded
    from tfcovid.scans import read_scan

    started = perf_counter()
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(load, bundle, runtime)
        scan = read_scan(path, series=series, allow=allow, identity=with_identity, progress=True)
        read = perf_counter() - started
        ready_to_save()
        system = loading.result()
    say_runtime(system)
    for finding in scan.findings:
        click.echo(f"  {finding}", err=True)
    if with_identity and not scan.identity:
        click.echo("  --with-identity: the scan does not say whose it is", err=True)
    diagnosis = system.predict(scan, progress=True)
    diagnosis.timings["read"] = read
    diagnosis.save(output, overwrite, with_identity, progress=True)
    click.echo(diagnosis.label)
    found = diagnosis.uncertainty
    for label, value in diagnosis.probabilities.items():
        spread = found["probabilities"][label]
        click.echo(f"  {label:12} {rounded(value)} ({rounded(spread['low'])} to {rounded(spread['high'])})")
    if found["refer"]:
        click.echo(f"  refer to a radiologist: {'; '.join(found['reasons'])}")
    for warning in diagnosis.unlike_training or ():
        click.echo(f"  unlike training: {warning}", err=True)
    if diagnosis.segmentation:
        both = diagnosis.segmentation.table[-1]
        share = (
            "no lungs found" if both["involved_percent"] is None else f"{both['involved_percent']:.1f} % of the lungs"
        )
        click.echo(f"  infection: {share}; {output / 'segmentation'}")
    if diagnosis.not_segmented:
        click.echo(f"  not segmented: {diagnosis.not_segmented}", err=True)
    click.echo(f"{output / 'report.html'}\n{diagnosis.notice}")
