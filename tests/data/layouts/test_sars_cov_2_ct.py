from collections import Counter

from tests.data_folder import DATA, needs_data
from tfcovid.data import assign_splits
from tfcovid.data.layouts.sars_cov_2_ct import sars_cov_2_ct


def test_a_hundred_numbers_are_one_patient(lay_out, told):
    folder = lay_out(*(f"COVID/Covid ({n}).png" for n in (1, 100, 101, 2)), "non-COVID/Non-Covid (1230).png")
    assert [row[:3] for row in told(sars_cov_2_ct(folder))] == [
        ("COVID/Covid (1).png", "covid 0001-0100", "covid"),
        ("COVID/Covid (2).png", "covid 0001-0100", "covid"),
        ("COVID/Covid (100).png", "covid 0001-0100", "covid"),
        ("COVID/Covid (101).png", "covid 0101-0200", "covid"),
        ("non-COVID/Non-Covid (1230).png", "non-covid 1201-1300", "non-covid"),
    ]


@needs_data
def test_no_split_of_the_real_set_cuts_a_block():
    entries = sars_cov_2_ct(DATA / "slices3/soares_sarscov2")
    assert Counter(entry.label for entry in entries) == {"covid": 1002, "non-covid": 982}
    split = assign_splits(entries, {"train": 0.7, "val": 0.1, "test": 0.2})
    assert len({(entry.patient, entry.split) for entry in split}) == len({entry.patient for entry in split}) == 21
