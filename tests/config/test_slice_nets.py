from tfcovid import networks
from tfcovid.config.slice_nets import CLASSIFIERS, EFFICIENTNETS, OUTLINERS


def test_the_choices_are_what_the_networks_offer():
    assert set(CLASSIFIERS) == {name for name, family in networks.variants().items() if family != "resnet3d"}
    assert set(EFFICIENTNETS) == set(networks.EFFICIENTNETS)
    assert set(OUTLINERS) == set(networks.ATTENTION_UNETS)
    assert len(set(CLASSIFIERS)) == len(CLASSIFIERS)
