"""Where the real chest CT for tests lies: TFCOVID_DATA, or ../shared/data beside the repository."""

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("TFCOVID_DATA", Path(__file__).parents[2] / "shared" / "data"))

needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"real chest CT not found at {DATA}; set TFCOVID_DATA to its folder"
)
