from tfcovid.report.mask_colours import mask_colours


def test_a_label_has_its_colour_wherever_it_stands():
    four = mask_colours(("background", "left lung", "right lung", "infection"))
    two = mask_colours(("background", "infection"))
    assert four.shape == (4, 3) and two[1].tolist() == four[3].tolist()
    assert len({tuple(colour) for colour in mask_colours(("background", "left lung", "right lung", "a", "b"))}) == 5
