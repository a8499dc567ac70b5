"""How long read_scan takes, checks included: milliseconds a slice, the median of several runs.

python benchmarks/read_scan.py SCAN [SCAN ...]
"""

from pathlib import Path
from statistics import median
from time import perf_counter

import click

from tfcovid.scans import read_scan


@click.command(help=__doc__.splitlines()[0])
@click.argument("scans", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--runs", default=9, show_default=True, help="Timed runs, after one that warms the disk cache.")
def main(scans: tuple[Path, ...], runs: int) -> None:
    for path in scans:
        slices = len(read_scan(path).voxels)
        times = []
        for _ in range(runs):
            start = perf_counter()
            read_scan(path)
            times.append((perf_counter() - start) * 1000 / slices)
        spread = f"{min(times):.2f} to {max(times):.2f} in {runs} runs"
        click.echo(f"{median(times):.2f} ms a slice ({spread}), {slices} slices: {path}")


if __name__ == "__main__":
    main()
