import keras
import numpy as np
from keras import layers

from tfcovid.explain import feature_sheet


def test_the_strongest_channels_come_first_on_one_scale():
    inputs = keras.Input((8, 8, 1))
    network = keras.Model(inputs, layers.Conv2D(3, 1, name="times")(inputs))
    network.set_weights([np.array([[[[1.0, -5.0, 3.0]]]]), np.zeros(3)])
    slice_ = np.linspace(0, 1, 64, dtype="float32").reshape(8, 8, 1)
    figure = feature_sheet(network, slice_, "times", channels=2)
    pictures = [one for one in figure.axes if one.images]
    assert [one.get_title() for one in pictures] == ["slice", "1", "2"]
    assert pictures[1].images[0].get_clim() == pictures[2].images[0].get_clim() == (-5.0, 3.0)
    np.testing.assert_allclose(pictures[2].images[0].get_array(), 3 * slice_[..., 0], rtol=1e-6)
    assert "2 of 3 channels, 8 x 8" in figure.get_suptitle()


def test_of_a_volume_the_middle_slice_is_shown():
    inputs = keras.Input((5, 8, 8, 1))
    network = keras.Model(inputs, layers.Conv3D(1, 1, kernel_initializer="ones", name="same")(inputs))
    volume = np.arange(5, dtype="float32").reshape(5, 1, 1, 1) * np.ones((5, 8, 8, 1), "float32")
    figure = feature_sheet(network, volume, "same")
    assert all((one.images[0].get_array() == 2).all() for one in figure.axes[:2])
