import numpy as np

from tfcovid.evaluation.boot_counts import boot_counts


def test_the_first_row_is_the_sample_and_cases_go_with_their_patient():
    patients = ["b", "a", "b", "c", "a"]
    counts, patient = boot_counts(patients, resamples=200, seed=1)
    assert counts.shape == (201, 3) and (counts[0] == 1).all()
    assert (counts.sum(axis=1) == 3).all() and patient.tolist() == [0, 1, 0, 2, 1]


def test_patients_are_drawn_with_replacement_and_names_do_not_matter():
    counts, _ = boot_counts([f"patient {n}" for n in range(40)], resamples=2000)
    assert (boot_counts(range(40), resamples=2000)[0] == counts).all()
    # Multinomial: mean 1, variance 1 - 1 / 40, covariance -1 / 40.
    assert abs(counts[1:].var() - (1 - 1 / 40)) < 0.02
    assert abs(np.mean(counts[1:, 0] == 0) - (39 / 40) ** 40) < 0.05
