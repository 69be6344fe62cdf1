"""The ``myi`` command: one module for each group of commands. They only read arguments and show results; the work
is done elsewhere in the package. A command imports what it needs when it runs, so that ``--help`` answers at once."""

from myi_pipelines.cli import (
    accounts,
    archive,
    data,
    demo,
    doctor,
    imports,
    report,
    services,
    spotify,
    status,
    up,
    warehouse,
)
from myi_pipelines.cli.app import app, main

__all__ = [
    "accounts",
    "app",
    "archive",
    "data",
    "demo",
    "doctor",
    "imports",
    "main",
    "report",
    "services",
    "spotify",
    "status",
    "up",
    "warehouse",
]
