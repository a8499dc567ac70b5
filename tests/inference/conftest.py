import pytest

from tfcovid.scans import read_scan


@pytest.fixture(scope="module")
def diagnosis(system, held_out):
    return system.predict(read_scan(held_out))
