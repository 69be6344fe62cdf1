"""The base class of errors about unreadable uploads. Each subclass is defined beside the code that raises it."""

from myi_pipelines.errors import InputError


class ExportError(InputError):
    """An upload cannot be read as a listening history. Keep nothing of it.

    `str(error)` is one line: the file, the place in it (a member of the ZIP, a row, a byte), what is wrong, and what
    the user can do next.
    """

    is_no_history: bool = False
    """Nothing shows that the file should be a history. In a folder, where other files are normal, it is passed over."""
