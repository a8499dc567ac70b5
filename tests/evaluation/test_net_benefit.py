import numpy as np
import pytest

from tfcovid.evaluation.net_benefit import net_benefit
from tfcovid.evaluation.predictions import Predictions


def test_five_patients_by_hand():
    """At 0.25 a false alarm costs a third of a case found; any disease counts, whichever it is called."""
    sick = np.array([0.9, 0.2, 0.25, 0.6, 0.1])
    probabilities = np.stack([1 - sick, sick / 2, sick / 2], axis=1)
    names = tuple("abcde")
    one = Predictions(
        ("healthy", "covid", "cap"), names, names, np.array([1, 2, 0, 0, 0]), probabilities, np.zeros(5, int)
    )
    found = net_benefit(one, [0.25, 0.5, 0.95])
    assert found.model == pytest.approx([1 / 5 - 2 / 5 / 3, 1 / 5 - 1 / 5, 0])
    assert found.treat_all == pytest.approx([2 / 5 - 3 / 5 / 3, 2 / 5 - 3 / 5, 2 / 5 - 3 / 5 * 19])
    assert len(net_benefit(one).thresholds) == 99
