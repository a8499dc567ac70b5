"""Why a server does not answer, where the difference matters."""

from tfcovid.errors import InputError


class Busy(InputError):
    """It did not take the question up, and may soon: asking again does no harm."""


class NotThere(InputError):
    """It does not know the model, or the version."""
