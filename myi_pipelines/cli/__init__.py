"""The ``myi`` command: one module for each group of commands. They only read arguments and show results; the work
is done elsewhere in the package. A command imports what it needs when it runs, so that ``--help`` answers at once."""

from myi_pipelines.cli import (
    account_commands,
    archive_commands,
    correction_commands,
    data_commands,
    demo_command,
    doctor,
    import_command,
    report_command,
    serve_commands,
    services_commands,
    spotify_commands,
    status_commands,
    up_command,
    user_commands,
    warehouse_commands,
)
from myi_pipelines.cli.app import app, main

__all__ = [
    "account_commands",
    "app",
    "archive_commands",
    "correction_commands",
    "data_commands",
    "demo_command",
    "doctor",
    "import_command",
    "main",
    "report_command",
    "serve_commands",
    "services_commands",
    "spotify_commands",
    "status_commands",
    "up_command",
    "user_commands",
    "warehouse_commands",
]
