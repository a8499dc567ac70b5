import numpy as np
import pytest

from tfcovid.explain import with_map
from tfcovid.inference.runtime.read_together import read_together
from tfcovid.networks import windowed


@pytest.mark.parametrize("settings", [(), ("mirror=true",), ("window.predict=[-600]",)])
def test_windows_and_mirror_images_in_one_batch_say_what_they_say_apart(with_settings, scan, settings):
    system = with_settings(*settings)
    window, hu = system.config.window, scan.hu[:3, ::2, ::2, None]
    apart = windowed(with_map(system.slice_network), window.predict, window.width, system.config.mirror)
    expected = apart.predict_on_batch(hu)
    found = read_together(system.config, system.slice_network).predict_on_batch(hu)
    assert list(found) == list(expected) and found["lesion_map"].std() > 0
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-6)
