"""Compares networks, losses and metrics with the peers they claim to equal, and writes docs/parity.md.

    python benchmarks/parity.py [TEST ...]

Runs the tests that report a largest difference (all of them by default, those of `make test-all` too) and lists what
they print. Comparisons whose peer is not installed are listed as such; the extra `parity` brings all peers.
"""

import ast
import os
import re
import subprocess
import sys
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).parents[1]
PEERS = ("tensorflow", "keras", "torch", "jax", "timm", "monai", "keras-hub", "scikit-learn")
_REPORTS = re.compile(r"\b(report|assert_same_as_timm)\(")
_LINE = re.compile(r"parity \| (?P<what>.+) \| (?P<peer>.+) \| (?P<difference>\S+) \| (?P<size>\S+)$")


def main() -> None:
    tests = sys.argv[1:] or _reporting_tests()
    command = [sys.executable, "-m", "pytest", "-m", "", "-s", "-rs", *tests]
    run = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}, capture_output=True, text=True
    )
    lines = run.stdout.splitlines()
    rows = {}  # of comparisons that say the same of themselves, the worst
    for what, peer, difference, size in (match.groups() for match in map(_LINE.search, lines) if match):
        if float(difference) >= float(rows.get((what, peer), ("-1",))[0]):
            rows[what, peer] = (difference, size)
    rows = [(*names, *figures) for names, figures in rows.items()]
    print(
        *(" | ".join(row) for row in rows), *(line for line in lines if line.startswith("SKIPPED")), lines[-1], sep="\n"
    )
    if run.returncode:
        sys.exit(run.stdout[-3000:])

    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    (ROOT / "docs" / "parity.md").write_text(
        _PAGE.format(versions=_versions(), date=date.today(), table=table), "utf-8"
    )


def _reporting_tests() -> list[str]:
    found = []
    for room in ("layers", "losses", "metrics", "networks", "inference", "evaluation"):
        for path in sorted((ROOT / "tests" / room).rglob("test_*.py")):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.FunctionDef) and _REPORTS.search(ast.unparse(node)):
                    found.append(f"{path.relative_to(ROOT)}::{node.name}")
    return found


def _versions() -> str:
    found = []
    for name in PEERS:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} not installed")
    return ", ".join(found)


_PAGE = """# What was compared with what

Each line is printed by a test that fails where the difference is larger than its tolerance. Weights are random and
leave no part at a start that a mistake could pass: biases and gains off zero, norms' statistics off zero and one.

```
make parity        # runs them and writes this page
```

{versions}; {date}, on a CPU, float32.

| compared | with | largest difference | largest value |
|---|---|---|---|
{table}

What differs on purpose is said where it is: in the docstring of the network, or in the test.
"""


if __name__ == "__main__":
    main()
