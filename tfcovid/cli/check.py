from pathlib import Path

import click


@click.command()
@click.argument("manifest", type=click.Path(path_type=Path))
@click.option("--allow", multiple=True, metavar="FINDING", help="Take this finding of scans as a warning. Repeatable.")
@click.option(
    "--near",
    type=click.IntRange(0, 64),
    help="Near-duplicates' hashes differ in up to this many of 256 bits; 32 by default.",
)
@click.option("--workers", type=click.IntRange(1), help="Scans at a time; by default one a processor, at most four.")
@click.option("--json", "as_json", type=click.Path(path_type=Path), help="Write all findings to this file, as JSON.")
@click.option("--csv", "as_csv", type=click.Path(path_type=Path), help="Write all findings to this file, as CSV.")
@click.option("--examples", type=click.IntRange(0), default=3, show_default=True, help="Shown of each finding.")
def check(manifest, allow, near, workers, as_json, as_csv, examples):
    """Look for leaks, duplicates and broken scans in MANIFEST.

    Reads every scan and mask once and reports what cannot be read, what the checks of the scans find, labels and
    their balance, slice labels that do not fit, patients in two splits, copies, and scans of different patients that
    look alike. Exit code 1 if there is an error, 0 otherwise: warnings are for you to judge.

    \b
    tfcovid check manifest.csv
    tfcovid check manifest.csv --csv findings.csv
    """
    from collections import Counter

    from tfcovid.data.check_manifest import COHORT_CHECKS, check_manifest
    from tfcovid.data.perceptual_hash import NEAR
    from tfcovid.scans import CHECKS

    near = NEAR if near is None else near
    entries, findings = check_manifest(manifest, allow, near, workers, progress=True)
    if as_json:
        _write_json(as_json, manifest, entries, findings)
    if as_csv:
        _write_csv(as_csv, findings)

    click.echo(f"{manifest}: {len(entries)} scans of {len({entry.patient for entry in entries})} patients")
    patients = Counter((split, label) for _, split, label in {(e.patient, e.split, e.label) for e in entries})
    scans = Counter((entry.split, entry.label) for entry in entries)
    for (split, label), count in sorted(scans.items(), key=lambda item: (item[0][0] or "", item[0][1])):
        click.echo(f"  {split or 'no split':8} {label:12} {count:5} scans {patients[split, label]:5} patients")
    counts = Counter((finding.severity, finding.name) for finding in findings)
    for (severity, name), count in counts.items():
        click.echo(f"{severity:7} {name:29} {count:5}  {(COHORT_CHECKS.get(name) or CHECKS[name])[1]}")
        for finding in [found for found in findings if found.name == name and found.severity == severity][:examples]:
            about = " | ".join(finding.about)
            click.echo(f"          {about}: {finding.seen.splitlines()[0]}")
        if count > examples:
            click.echo(f"          ... and {count - examples} more" + ("" if as_json or as_csv else "; see --csv"))
    errors = sum(finding.severity == "error" for finding in findings)
    click.echo(f"{errors} errors, {len(findings) - errors} warnings")
    if errors:
        raise SystemExit(1)


def _write_json(path, manifest, entries, findings) -> None:
    import json
    from dataclasses import asdict

    from tfcovid.into_place import into_place

    whole = {"manifest": str(manifest), "scans": len(entries), "findings": [asdict(found) for found in findings]}
    text = json.dumps(whole, indent=1, ensure_ascii=False)
    into_place(path, lambda partial: partial.write_text(text, encoding="utf-8"))


def _write_csv(path, findings) -> None:
    import csv

    from tfcovid.into_place import into_place

    def write(partial):
        with partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(("severity", "name", "about", "seen"))
            writer.writerows((found.severity, found.name, " | ".join(found.about), found.seen) for found in findings)

    into_place(path, write)
