import pytest
from click.testing import CliRunner


@pytest.fixture
def run():
    """Calls tfcovid in this process; nothing but an exit code may come out of it, never a traceback."""
    from tfcovid.cli import main

    def call(*words):
        result = CliRunner().invoke(main, [str(word) for word in words])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise AssertionError(f"tfcovid {' '.join(map(str, words))}: a traceback") from result.exception
        return result

    return call
