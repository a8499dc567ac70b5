from tfcovid.data.layouts.mosmed import mosmed


def test_ct_0_is_healthy_and_masks_go_with_their_study(lay_out, told):
    folder = lay_out(
        "COVID19_1110/studies/CT-0/study_0001.nii.gz",
        "COVID19_1110/studies/CT-1/study_0255.nii.gz",
        "COVID19_1110/studies/CT-4/study_1109.nii.gz",
        "COVID19_1110/masks/study_0255_mask.nii.gz",
    )
    assert [(row[1], row[2], row[5]) for row in told(mosmed(folder))] == [
        ("study_0001", "healthy", None),
        ("study_0255", "covid-19", "COVID19_1110/masks/study_0255_mask.nii.gz"),
        ("study_1109", "covid-19", None),
    ]
