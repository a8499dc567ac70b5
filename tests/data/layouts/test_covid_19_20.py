from tfcovid.data.layouts.covid_19_20 import covid_19_20


def test_the_training_volumes_are_listed_with_their_masks(lay_out, told):
    folder = lay_out(
        "COVID-19-20_v2/Train/volume-covid19-A-0003_ct.nii.gz",
        "COVID-19-20_v2/Train/volume-covid19-A-0003_seg.nii.gz",
        "COVID-19-20_v2/Validation/volume-covid19-A-0001_ct.nii.gz",
    )
    stem = "COVID-19-20_v2/Train/volume-covid19-A-0003"
    wanted = [(f"{stem}_ct.nii.gz", "volume-covid19-A-0003", "covid", None, None, f"{stem}_seg.nii.gz")]
    assert told(covid_19_20(folder)) == wanted
    assert told(covid_19_20(folder / "COVID-19-20_v2/Train")) == wanted
