"""Where the tables of figures go."""

import sys

from rich.console import Console


def open_console() -> Console:
    """The terminal, or a file or pipe, for which lines are wide enough that no figure is cut."""
    return Console(width=None if sys.stdout.isatty() else 200)
