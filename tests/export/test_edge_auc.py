import numpy as np
import pytest

from tfcovid.errors import InputError
from tfcovid.export.edge_auc import edge_auc
from tfcovid.export.evidence import Evidence


def answers(*rows):
    queue = iter(rows)
    return lambda scan: np.array(next(queue))


def entries_of(cohort, labels):
    return [entry for entry in cohort.entries if entry.label in labels]


def test_area_over_the_scans_that_did_not_train(cohort):
    evidence = Evidence(None, entries_of(cohort, ("healthy", "covid-19")))
    truth = [entry.label == "covid-19" for entry in evidence.entries if entry.split != "train"]
    assert len(truth) == 4
    scores = [0.9 if sick else 0.1 for sick in truth]
    scores[truth.index(True)] = 0.05  # one of the two sick below both healthy ones
    found = edge_auc(answers(*([1 - one, one] for one in scores)), evidence, ("healthy", "covid-19"))
    assert found == 0.5


def test_no_area_without_two_labels(cohort):
    evidence = Evidence(None, entries_of(cohort, ("healthy",)))
    assert edge_auc(answers(), evidence, ("healthy", "covid-19")) is None
    assert edge_auc(answers(), Evidence(None), ("healthy", "covid-19")) is None


def test_a_label_that_the_system_does_not_know(cohort):
    with pytest.raises(InputError, match=r"manifest: the labels are healthy, cap\. Received: covid-19"):
        edge_auc(answers(), Evidence(None, entries_of(cohort, ("healthy", "covid-19"))), ("healthy", "cap"))
