"""The one exception a user can mend."""


class InputError(ValueError):
    """Something handed to tfcovid is wrong: a scan, a manifest, a config, a bundle.

    The message names the file or field, says what is wrong and what to do, and ends with what was received.
    The command line prints it without a traceback and exits with code 2.
    """
