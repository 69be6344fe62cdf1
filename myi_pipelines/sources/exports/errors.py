"""The one exception that every unreadable upload ends in. Particular errors live beside the code that raises them."""

from myi_pipelines.errors import InputError


class HistoryError(InputError):
    """An upload cannot be read as a listening history; nothing of it should be kept.

    `str(error)` is one line: the file, the place in it (a member of the ZIP, a row, a byte), what is wrong, and what to
    do next.
    """
