"""The page that every report is: one HTML file that loads nothing else."""

import html
import json
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from importlib.resources import files
from typing import Any

from tfcovid.versions import versions


def page(title: str, notice: str, body: str, *, script: str, data: Any = None) -> str:
    """A whole page with the style of reports, the notice above and below.

    Its content security policy lets no request out and runs no script but this one.

    Args:
        body: HTML.
        script: name of a file of this package.
        data: for the script, ready for JSON.
    """
    code = _file(script)
    allowed = b64encode(sha256(code.encode()).digest()).decode()
    # A label cannot end the script.
    held = "" if data is None else json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; \
script-src 'sha256-{allowed}'; base-uri 'none'; form-action 'none'">
<title>{html.escape(title)}</title>
<style>
{_file("report.css")}</style>
</head>
<body>
<p class="notice" role="note">{html.escape(notice)}</p>
<main>
{body}
</main>
<footer>
<p class="notice">{html.escape(notice)}</p>
<p>{html.escape(", ".join(f"{name} {number}" for name, number in versions().items()))}</p>
</footer>
<script id="data" type="application/json">{held}</script>
<script>{code}</script>
</body>
</html>
"""


def section(name: str, body: str, kind: str = "") -> str:
    """A section with its heading beside it, or above it where the page is narrow."""
    return f'<section class="{kind or "beside"}">\n<h2>{html.escape(name)}</h2>\n<div>\n{body}\n</div>\n</section>'


def table(
    heads: Sequence[str], rows: Iterable[Sequence[Any]], *, caption: str = "", numbers: Sequence[int] = ()
) -> str:
    """A table of text; the first cell of each row names it.

    Args:
        rows: cells as text, escaped here, or as HTML where they are of `Html`.
        numbers: columns that are aligned as numbers.
    """

    def cell(tag: str, column: int, value: Any, more: str = "") -> str:
        right = ' class="number"' if column in numbers else ""
        return f"<{tag}{right}{more}>{escaped(value)}</{tag}>"

    head = "".join(cell("th", n, name, ' scope="col"') for n, name in enumerate(heads))
    body = "\n".join(
        "<tr>"
        + "".join(cell("td" if n else "th", n, value, "" if n else ' scope="row"') for n, value in enumerate(row))
        + "</tr>"
        for row in rows
    )
    above = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    # In a frame of its own, so that a wide table scrolls and the page does not.
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{html.escape(caption or heads[0])}"><table>{above}'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


def terms(pairs: Mapping[str, Any]) -> str:
    """Names and what they stand for."""
    rows = "".join(f"<div><dt>{html.escape(name)}</dt><dd>{escaped(value)}</dd></div>" for name, value in pairs.items())
    return f"<dl>{rows}</dl>"


def callout(name: str, lines: Sequence[str], kind: str = "") -> str:
    """What must not be overlooked, and why."""
    inner = "".join(f"<li>{html.escape(line[:1].upper() + line[1:])}</li>" for line in lines)
    return f'<div class="callout {kind}"><p><strong>{html.escape(name)}</strong></p><ul>{inner}</ul></div>'


def folded(name: str, body: str, printed: bool = True) -> str:
    """Shown on a click, and in print unless `printed` says no."""
    kind = "" if printed else ' class="no-print"'
    return f"<details{kind}><summary>{html.escape(name)}</summary>\n{body}\n</details>"


class Html(str):
    """Text that is HTML already."""


def escaped(value: Any) -> str:
    return value if isinstance(value, Html) else "&ndash;" if value is None else html.escape(str(value))


def _file(name: str) -> str:
    return files("tfcovid.report").joinpath(name).read_text(encoding="utf-8")
