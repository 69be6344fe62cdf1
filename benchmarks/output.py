"""The console to which the benchmarks print their tables."""

import sys

from rich.console import Console


def open_console() -> Console:
    """The terminal; in a file or a pipe, lines are so wide that no figure is cut."""
    return Console(width=None if sys.stdout.isatty() else 200)
