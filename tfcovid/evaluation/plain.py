from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """Ready for JSON, which knows neither arrays nor NaN: those become lists and null."""
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value
