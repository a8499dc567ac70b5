import json
from pathlib import Path

import click


@click.command()
@click.argument("config")
@click.argument("manifest", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The bundle to write, a folder.")
@click.option(
    "--masks",
    type=click.Path(path_type=Path),
    help="Manifest of scans with masks, for the segmenters of CONFIG; MANIFEST by default.",
)
@click.option("--store", type=click.Path(path_type=Path), help="Prepared scans; BUNDLE.store by default.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change the config: slice_training.epochs=2.",
)
@click.option("--folds", type=click.IntRange(2), help="Cross-validate by patient; the bundle is the ensemble.")
@click.option("--seeds", default=1, type=click.IntRange(1), help="Systems of each fold, with different seeds.")
@click.option(
    "--strategy",
    type=click.Choice(["auto", "one", "mirrored"]),
    default="auto",
    show_default=True,
    help="Devices: all GPUs where there are several, one, or all of the best kind.",
)
@click.option("--workers", type=click.IntRange(1), help="Scans prepared at a time.")
@click.option("--allow", multiple=True, metavar="FINDING", help="Read scans in spite of this finding. Repeatable.")
@click.option("--mlflow", metavar="EXPERIMENT", help="Log to MLflow as well, where it is installed.")
@click.option("--overwrite", is_flag=True, help="Replace a bundle that is there.")
@click.option("--dry-run", is_flag=True, help="Check config and manifest and say what would be trained.")
def train(
    config, manifest, output, masks, store, settings, folds, seeds, strategy, workers, allow, mlflow, overwrite, dry_run
):
    """Train CONFIG on the scans of MANIFEST and write a bundle.

    The splits train and val are used, test never; scans without a split train. Work in progress is kept in
    BUNDLE.work: after Ctrl-C or a crash, the same command goes on where it stopped and ends with the same weights.
    Watch it with: tensorboard --logdir BUNDLE.work

    CONFIG is a YAML file or the name of a config that ships with tfcovid. One with `task: segment` is trained on the
    masks that MANIFEST names in its columns lungs and lesions; one with a section lungs or then.segmenter trains these
    first, on the masks of MANIFEST or of --masks.

    \b
    tfcovid train m3lung manifest.csv -o bundle
    tfcovid train lungs masks.csv -o lungs_bundle
    tfcovid train attn_crop manifest.csv --masks masks.csv -o bundle
    tfcovid train ssfl manifest.csv -o bundle --folds 5
    tfcovid train res_dense manifest.csv -o bundle --set slice_training.batch=8 --set slice_training.accumulate=4
    """
    from collections import Counter

    from tfcovid.cli.quiet_tensorflow import quiet_tensorflow
    from tfcovid.config import Segmenter, load_config
    from tfcovid.data import read_manifest
    from tfcovid.errors import InputError

    system = load_config(config, settings)
    entries = read_manifest(manifest)
    options = {"allow": allow, "progress": True, "strategy": strategy, "workers": workers, "mlflow": mlflow}
    if isinstance(system, Segmenter):
        if masks or folds or seeds > 1:
            raise InputError("--masks, --folds and --seeds are for systems that diagnose; a segmenter takes MANIFEST.")
        _segmenter(system, entries, output, store, overwrite, dry_run, options)
        return
    mask_entries = read_manifest(masks) if masks else None
    for (split, label), count in sorted(Counter((e.split or "train", e.label) for e in entries).items()):
        click.echo(f"  {split:6} {label:12} {count:5} scans{'  (not used)' if split == 'test' else ''}")
    for label in sorted(set(system.labels) - {e.label for e in entries if e.split in (None, "train")}):
        click.echo(f"  no scan of label {label} to train on: the system cannot learn it", err=True)

    quiet_tensorflow()
    from tfcovid.training import check_run, train_members, unmarked
    from tfcovid.training import train as train_system

    several = bool(folds) or seeds > 1
    if several and overwrite:
        raise InputError("--overwrite does not go with --folds or --seeds; choose another name.")
    plain = unmarked(entries, system)
    if plain:
        click.echo(f"  {len(plain)} diseased scan(s) have no slice labels: all their slices count as ill", err=True)
    if dry_run:
        check_run(system, entries, output, overwrite, mask_entries)
        _say_what(system, entries, (folds or 1) * seeds)
        return

    options["masks"] = mask_entries
    if several:
        bundle, failed = train_members(system, entries, output, folds, seeds, store, **options)
    else:
        bundle, failed = train_system(system, entries, output, store, overwrite=overwrite, **options)
    facts = _report(bundle, failed)
    for name, found in (facts.get("validation_scans") or facts.get("out_of_fold") or {}).items():
        if isinstance(found, list):
            click.echo(f"  {name:16} {found[0]:.3f} [{found[1]:.3f}, {found[2]:.3f}]")
    click.echo(f"{bundle}: done. Use it with: tfcovid predict {bundle} SCAN -o OUT")


def _segmenter(config, entries, output, store, overwrite: bool, dry_run: bool, options: dict) -> None:
    from collections import Counter

    for split, count in sorted(Counter(entry.split or "train" for entry in entries).items()):
        click.echo(f"  {split:6} {count:5} scans{'  (not used)' if split == 'test' else ''}")
    from tfcovid.cli.quiet_tensorflow import quiet_tensorflow

    quiet_tensorflow()
    from tfcovid.training.train_segmenter import check_segmenter_run, train_segmenter

    if dry_run:
        check_segmenter_run(config, entries, output, overwrite)
        click.echo(f"{_plan(config)}\nNothing was written.")
        return
    bundle, failed = train_segmenter(config, entries, output, store, overwrite=overwrite, **options)
    facts = _report(bundle, failed)
    for group, found in facts.get("validation_scans", {}).items():
        for label in config.labels[1:]:
            mean, std, patients = found[label]["dice"]
            if mean is not None:
                spread = "" if std is None else f" +- {std:.3f}"
                click.echo(f"  {group:12} {label:12} Dice {mean:.3f}{spread} ({patients} patients)")
    click.echo(f"{bundle}: done. Use it with: tfcovid segment {bundle} SCAN -o OUT")


def _plan(config) -> str:
    stage, net = config.training, config.network
    flat = net.kind == "attention_unet"
    what = f"slices at {net.size}" if flat else f"patches of {net.patch} at {net.spacing} mm"
    return f"{config.name}: {stage.epochs} epochs of {what}, {stage.samples} a scan, batch {stage.batch}"


def _report(bundle, failed) -> dict:
    """Says what was left out and what the checks found; the facts of the bundle."""
    for entry, reason in failed:
        click.echo(f"not readable, left out: {entry.scan}: {reason}", err=True)
    facts = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))
    for name, count in sorted(facts.get("findings", {}).items()):
        click.echo(f"  {name}: {count} scan(s)")
    return facts


def _say_what(system, entries, members: int) -> None:
    from tfcovid.training.train_parts import parts_of

    for part in parts_of(system).values():
        click.echo(f"segmenter {part}: as it is" if isinstance(part, str) else f"first {_plan(part)}")
    stage = system.slice_training
    click.echo(f"{system.name}: {stage.epochs} epochs of slices at {system.crop.size}, batch {stage.batch}")
    if system.trains_patients:
        click.echo(f"then {system.patient_training.epochs} epochs of patients")
    if members > 1:
        click.echo(f"{members} times, as members of an ensemble")
    gone = [entry for entry in entries if not entry.scan.exists()]
    if gone:
        click.echo(f"{len(gone)} scan(s) do not exist and would be left out, such as {gone[0].scan}", err=True)
    click.echo("Nothing was written.")
