"""Lets a bundle that ships use the segmenters that ship beside it."""

import json
import shutil
from pathlib import Path

from tfcovid.inference.bundles import shipped_bundles
from tfcovid.inference.load import LUNGS, SHARED, THEN
from tfcovid.into_place import into_place


def share_parts(bundle: str | Path) -> None:
    """Removes from a bundle its copies of segmenters that ship with tfcovid, and notes which they were.

    `bundle.json` names them with the hashes of their weights, and `load` refuses others. It is for bundles in the
    folder `saved_models` alone: without these copies a bundle needs the tfcovid that it was made with.

    Args:
        bundle: a folder that `tfcovid train` wrote.
    """
    bundle = Path(bundle)
    facts = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))
    shipped = {_weights(folder): name for name, folder in shipped_bundles().items()}
    for part in (LUNGS, THEN):
        if (bundle / part).is_dir() and (hashes := _weights(bundle / part)) in shipped:
            facts.setdefault(SHARED, {})[part] = {"bundle": shipped[hashes], "weights_sha256": json.loads(hashes)}
    text = json.dumps(facts, indent=2) + "\n"
    into_place(bundle / "bundle.json", lambda partial: partial.write_text(text, encoding="utf-8"))
    for part in facts.get(SHARED, {}):
        shutil.rmtree(bundle / part)


def _weights(bundle: Path) -> str:
    return json.dumps(json.loads((bundle / "bundle.json").read_text(encoding="utf-8")).get("weights_sha256"))
