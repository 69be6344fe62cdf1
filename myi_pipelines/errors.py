"""The errors that are written for the user: what is wrong, where, and what to do next, in one line.

Every error that a user can cause or correct derives from ``MyiError``, by one of the families below. Any other
exception is a bug and keeps its traceback. An error class is defined beside the code that raises it.
"""


class MyiError(Exception):
    """The text of the error is one line for the user."""


class InputError(MyiError):
    """A file, a name or an argument cannot be used as given."""


class ConfigurationError(MyiError):
    """A setting, or something that must be installed, is missing or wrong."""


class BusyError(MyiError):
    """Another process is at work on the same thing: wait for it, or try again later."""


class UnavailableError(MyiError):
    """A server or service does not answer, or refuses for now."""


class DamagedError(MyiError):
    """Stored data are not what was written."""


class FailedError(MyiError):
    """A step ended before its work was done."""


class StoppedError(MyiError):
    """The user pressed Ctrl-C."""
