from pathlib import Path

import click


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--to",
    required=True,
    type=click.Choice(["savedmodel", "tflite", "onnx", "openvino"]),
    help="TF Serving; edge devices; ONNX Runtime; fast prediction on processors.",
)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder for the export.")
@click.option("--precision", multiple=True, metavar="NAME", help="float32, float16, dynamic, int8. Repeatable.")
@click.option("--scan", type=click.Path(path_type=Path), help="Verify on this scan. Default: a phantom.")
@click.option("--manifest", type=click.Path(path_type=Path), help="Labelled scans to fit int8 to and to take AUC on.")
@click.option(
    "--split",
    type=click.Choice(["train", "val", "test", "all"]),
    default="all",
    show_default=True,
    help="Scans of the manifest.",
)
@click.option("--tolerance", type=click.FloatRange(0, 1), help="Largest difference of a probability that is equal.")
@click.option("--dry-run", is_flag=True, help="Say what would be written; write nothing.")
def export(bundle, to, output, precision, scan, manifest, split, tolerance, dry_run):
    """Write BUNDLE in a form that runs without tfcovid, and prove that it answers as the bundle does.

    BUNDLE is a folder written by `tfcovid train`, or the name of a bundle that ships with tfcovid.

    \b
    savedmodel  for TF Serving: whole slices in HU, or encoded pictures, in; the answer out. Crop, selection and window
                are in the graph. OUT gets NAME/1, files that start a server and requests that warm it up; where OUT is
                such an export already, a version is added.
    tflite      for edge devices, in float32, float16, dynamic range and int8, built-in operators only; read by
                scripts/edge_predict.py.
    onnx        networks from cropped slices in HU on.
    openvino    a bundle that `tfcovid predict` runs without TensorFlow and Keras.

    Everything is written to a temporary place, run in a fresh process on the slices of a scan, compared with the bundle
    and moved to OUT. Where it differs by more than the tolerance nothing is written (exit code 2). OUT/export.json says
    what goes in and out, with shapes, units and ranges, how large the difference, the files and the times are.

    int8 of TFLite is fitted to slices of a manifest. Of one with labels the table has the change of the AUC, too.

    \b
    tfcovid export bundle --to savedmodel -o served
    tfcovid export bundle --to tflite --manifest manifest.csv --split val -o edge
    """
    from tfcovid.errors import InputError

    if manifest is None and click.get_current_context().get_parameter_source("split").name == "COMMANDLINE":
        raise InputError("--split: it is of the scans of --manifest, which is not given.")
    if scan is not None and not scan.exists():
        raise InputError(f"--scan: no such scan. Received: {scan}")
    from tfcovid.data.manifest import read_manifest

    entries = read_manifest(manifest) if manifest else []
    entries = [entry for entry in entries if split in ("all", entry.split or "train")]
    if manifest and not entries:
        raise InputError(f"{manifest}: no scan in split {split}.")
    from tfcovid.cli.quiet_tensorflow import quiet_tensorflow

    quiet_tensorflow()
    from tfcovid.export.evidence import Evidence
    from tfcovid.export.export_bundle import FORMATS, export_bundle
    from tfcovid.inference import find_bundle
    from tfcovid.scans import read_scan

    if dry_run:
        precisions = ", ".join(precision or FORMATS[to])
        click.echo(f"{find_bundle(bundle)} to {to} ({precisions}) in {output}, verified on {scan or 'a phantom'}")
        return
    evidence = Evidence.gather(read_scan(scan, progress=True) if scan else None, entries)
    facts = export_bundle(bundle, to, output, evidence, precision, tolerance, progress=True)
    for line in _lines(facts):
        click.echo(line)
    click.echo(f"{output}: {facts['bytes'] / 1e6:.1f} MB, equal to the bundle on {facts['verified_on']}")
    click.echo(facts["notice"])


def _lines(facts: dict) -> list[str]:
    """The table of an export, as its format has it."""
    lines = [
        f"  {name:16} differs by {one['verified']['largest_difference']:.1e} at most, "
        f"{one['verified']['seconds'] * 1000:,.0f} ms"
        for name, one in facts.get("signatures", {}).items()
    ]
    if "warm_up" in facts and not isinstance(facts["warm_up"], int):
        lines.append(f"  requests to warm up: {facts['warm_up']}")
    if "ms_a_slice" in facts:
        lines.append(f"  differs by {facts['largest_difference']:.1e} at most, {facts['ms_a_slice']:.1f} ms a slice")
    lines += [f"  {precision}: left out: {why}" for precision, why in facts.get("left_out", {}).items()]
    if "table" in facts:
        from tfcovid.export.edge_table import edge_table

        lines += edge_table(facts["table"])
    return lines
