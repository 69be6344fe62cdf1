"""``myi import``: files and folders into the warehouse, right here and now."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from myi_pipelines.cli.app import Terminal, app, complain, output, read_settings, warehouse_connection
from myi_pipelines.text import counted

if TYPE_CHECKING:
    from rich.console import Console

    from myi_pipelines.cli.import_run import ImportSummary

NOTES_SHOWN = 20


@app.command("import", rich_help_panel="Start here")
def import_(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Files from Spotify (ZIP or JSON), other services or `myi export`, or folders with them."),
    ],
    user: Annotated[str, typer.Option(help="Whose history it is. A new name makes a new listener.")],
    timezone: Annotated[
        str | None, typer.Option(help="An IANA time zone: days and hours are counted in it. Kept until changed.")
    ] = None,
) -> None:
    """Import a listening history and bring catalog, events and statistics up to date.

    A file is imported completely or not at all, and the same plays never twice: importing again, or a newer export
    that overlaps, is always safe. Ctrl-C leaves nothing half done. Exit code 1: a file could not be imported.

    Examples:

      myi import my_spotify_data.zip --user anna --timezone Europe/Berlin

      myi import ~/Downloads/MyData/ --user anna
    """
    from myi_pipelines.cli.import_run import import_files

    settings = read_settings()
    with warehouse_connection(settings):
        pass  # its server runs and its schema is current
    summary = import_files(settings, paths, user, timezone, Terminal(stderr=True))
    if summary.has_done_something:
        _show(output(), summary, user)
    for problem in summary.problems:
        complain(problem)
    raise typer.Exit(summary.exit_code)


def _show(console: "Console", summary: "ImportSummary", user: str) -> None:
    from rich.table import Table

    from myi_pipelines.warehouse.import_outcomes import OUTCOMES

    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column(justify="right")
    table.add_column(style="dim")
    all_files = summary.imported_files + len(summary.problems)
    remarks = [f"of {all_files:,}"] if summary.problems else []
    remarks += [f"{summary.known_files:,} imported before"] if summary.known_files else []
    if summary.passed_over_files:
        remarks.append(f"{counted(summary.passed_over_files, 'other')} passed over")
    not_read = {reason: rows for reason, rows in summary.rejected.items() if reason != "too_short"}
    lines = [("files", f"{summary.imported_files:,}", ", ".join(remarks)), ("rows read", f"{summary.total_rows:,}", "")]
    if summary.duplicate:
        lines.append(("known before", f"{summary.duplicate:,}", "landed with another file, or repeated in this one"))
    if not_read:
        lines.append(("not read", f"{sum(not_read.values()):,}", _reasons(not_read)))
    lines.append(("landed", f"{summary.landed:,}", "new rows" + (", of which:" if summary.outcomes else "")))
    lines += [(f"  {name.replace('_', ' ')}", f"{rows:,}", OUTCOMES[name]) for name, rows in summary.outcomes.items()]
    lines.append(("months", f"{summary.months:,}", "derived"))
    lines.append(("seconds", f"{summary.seconds:,.1f}", f"{summary.events_per_second:,} events per second"))
    for cells in lines:
        table.add_row(*cells)
    console.print(
        f"[bold]{(len(summary.problems) and 'Partly imported') or 'Imported'}[/bold] for {user}", highlight=False
    )
    console.print(table)
    for line in summary.notes[:NOTES_SHOWN]:
        console.print(f"note: {line}", markup=False, highlight=False, soft_wrap=True)
    if len(summary.notes) > NOTES_SHOWN:
        more = len(summary.notes) - NOTES_SHOWN
        console.print(f"and {more:,} more notes; `myi jobs --notes JOB` shows those of one file", highlight=False)


def _reasons(rejected: Mapping[str, int]) -> str:
    from myi_pipelines.sources.exports import NOT_COUNTED

    return ", ".join(f"{count:,} {NOT_COUNTED.get(reason, reason)}" for reason, count in rejected.items())
