import pytest


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory):
    """Commands keep what they compile in a folder of the tests, not of whoever runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFCOVID_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
