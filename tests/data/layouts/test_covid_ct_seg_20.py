from tfcovid.data.layouts.covid_ct_seg_20 import covid_ct_seg_20


def test_masks_are_found_by_the_names_of_kaggle(lay_out, told):
    folder = lay_out(
        "ct_scans/coronacases_org_001.nii",
        "ct_scans/radiopaedia_org_covid-19-pneumonia-10_85902_1-dcm.nii",
        "ct_scans/radiopaedia_org_covid-19-pneumonia-10_85902_3-dcm.nii",
        "lung_mask/coronacases_001.nii",
        "lung_mask/radiopaedia_10_85902_1.nii",
        "lung_mask/radiopaedia_10_85902_3.nii",
        "infection_mask/coronacases_001.nii",
        "infection_mask/radiopaedia_10_85902_1.nii",
    )
    rows = told(covid_ct_seg_20(folder))
    assert rows[0] == (
        "ct_scans/coronacases_org_001.nii",
        "coronacases_001",
        "covid",
        None,
        "lung_mask/coronacases_001.nii",
        "infection_mask/coronacases_001.nii",
    )
    assert [row[1] for row in rows[1:]] == ["radiopaedia_10", "radiopaedia_10"]
    assert rows[1][4:] == ("lung_mask/radiopaedia_10_85902_1.nii", "infection_mask/radiopaedia_10_85902_1.nii")
    # Named, so that whoever reads it says that it is missing.
    assert rows[2][5] == "infection_mask/radiopaedia_10_85902_3.nii.gz"


def test_masks_are_found_by_the_names_of_zenodo(lay_out, told):
    folder = lay_out("COVID-19-CT-Seg_20cases/coronacases_001.nii", "Infection_Mask/coronacases_001.nii")
    assert told(covid_ct_seg_20(folder)) == [
        (
            "COVID-19-CT-Seg_20cases/coronacases_001.nii",
            "coronacases_001",
            "covid",
            None,
            None,
            "Infection_Mask/coronacases_001.nii",
        )
    ]
