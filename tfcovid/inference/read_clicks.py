"""Clicks out of a file of points."""

import json
import re
from pathlib import Path
from typing import Any

from tfcovid.errors import InputError
from tfcovid.inference.clicks import SPACES, Clicks
from tfcovid.scans import Scan

_FORMAT = (
    '{"space": "voxel", "positive": [[k, j, i], ...], "negative": [[k, j, i], ...]}, with "lps" or "ras" for [x, y, z] '
    "in mm; or a .mrk.json of 3D Slicer"
)
_NEGATIVE = re.compile(r"(?<![a-z])neg(ative)?(?![a-z])", re.IGNORECASE)


def read_clicks(path: str | Path, scan: Scan) -> Clicks:
    """The clicks on `scan` that a points file holds.

    path: JSON `{"space": "voxel" | "lps" | "ras", "positive": [[..]], "negative": [[..]]}`, see `Clicks.of`; or the
        control points of 3D Slicer (.mrk.json), of which those with the word "negative" or "neg" in their label or
        description are negative, and those not placed yet are left out.

    Raises:
        InputError: a file that is neither, or without a point; points that are not three finite numbers, or outside
            the scan.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"no such file of points: {path}") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{path}: this is not JSON. Give {_FORMAT}. Received: {error}") from error
    try:
        parts = _slicer(content["markups"]) if _is_slicer(content) else [_own(content)]
        clicks = sum((Clicks.of(scan, *part) for part in parts), Clicks())
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    if not clicks.count:
        raise InputError(f"{path}: there is no point in it. Give {_FORMAT}. Received: {str(content)[:200]}")
    return clicks


def _is_slicer(content: Any) -> bool:
    return isinstance(content, dict) and isinstance(content.get("markups"), list)


def _own(content: Any) -> tuple:
    if not isinstance(content, dict) or "space" not in content or content.keys() - {"space", "positive", "negative"}:
        got = sorted(content) if isinstance(content, dict) else content
        raise InputError(f"these are no clicks. Give {_FORMAT}. Received: {str(got)[:200]}")
    space = content["space"]
    if space not in list(SPACES):
        raise InputError(f'"space" is one of {", ".join(SPACES)}. Received: {space!r}')
    return content.get("positive", ()), content.get("negative", ()), space


def _slicer(markups: list) -> list[tuple]:
    parts = []
    for number, markup in enumerate(markups):
        try:
            space = markup["coordinateSystem"].lower()
            points = [one for one in markup["controlPoints"] if one.get("positionStatus", "defined") == "defined"]
            signs = [_NEGATIVE.search(f"{one.get('label', '')} {one.get('description', '')}") for one in points]
            places = [one["position"] for one in points]
        except (AttributeError, KeyError, TypeError) as error:
            raise InputError(
                f"markups[{number}] lacks what 3D Slicer writes: coordinateSystem, and controlPoints with position. "
                f"Received: {error!r}"
            ) from error
        if space not in ("lps", "ras"):
            raise InputError(f"markups[{number}].coordinateSystem is LPS or RAS. Received: {space!r}")
        parts.append(
            (
                [place for place, sign in zip(places, signs, strict=True) if not sign],
                [place for place, sign in zip(places, signs, strict=True) if sign],
                space,
            )
        )
    return parts
