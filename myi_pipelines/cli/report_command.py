"""``myi report``: listening statistics as a page in the terminal."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from myi_pipelines.cli.app import Terminal, app, read_settings, warehouse_connection


@app.command(rich_help_panel="Your history")
def report(
    user: Annotated[str | None, typer.Option(help="Only this listener, as `myi users` names them.")] = None,
    year: Annotated[
        int | None, typer.Option(min=2002, max=9998, help="Only this year, in the listener's time zone.")
    ] = None,
    recordings: Annotated[
        bool, typer.Option("--recordings", help="List each track of a song on its own, not the songs.")
    ] = False,
) -> None:
    """Show what was listened to: totals, top songs and artists, year by year, by hour and by weekday.

    Examples:

      myi report

      myi report --user anna --year 2024

      myi report --recordings
    """
    from myi_pipelines.serving.report import load_report, render_report
    from myi_pipelines.warehouse.top_list_history import mark_active
    from myi_pipelines.warehouse.users import user_named

    settings = read_settings()
    with warehouse_connection(settings) as conn:
        found = load_report(conn, user, year, by_recording=recordings, min_play_ms=settings.min_play_ms)
        if user is not None:
            mark_active(conn, user_named(conn, user), datetime.now(UTC))
    render_report(found, Terminal())
