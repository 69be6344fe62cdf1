"""Looking into the warehouse: ``myi users``, ``settings``, ``jobs`` and ``sql``."""

import math
import time
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape

from myi_pipelines.cli.app import (
    app,
    complain,
    note,
    output,
    read_settings,
    reader_connection,
    standard_input,
    warehouse_connection,
)
from myi_pipelines.text import counted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from rich.table import Table

    from myi_pipelines.warehouse.import_jobs import ImportJob

PANEL = "Your history"


@app.command(rich_help_panel=PANEL)
def users() -> None:
    """List the listeners: plays, hours, first and last play, time zone."""
    from myi_pipelines.warehouse.users import list_users

    with warehouse_connection(read_settings()) as conn:
        found = list_users(conn)
    if not found:
        note("no listener yet: `myi import PATH --user NAME`, or put an export into uploads/NAME/ under `myi up`")
        return
    table = _table(
        "name", "time zone", ">plays", ">hours", "first play", "last play", "last import", ">months to recompute"
    )
    for user in found:
        table.add_row(
            escape(user.name),
            escape(user.timezone),
            f"{user.total_play_count:,}",
            f"{user.total_listening_ms / 3_600_000:,.1f}",
            str(user.first_played_on or "–"),
            _when(user.last_played_at, user.timezone),
            _when(user.last_ingested_at),
            str(user.invalidated_user_months or ""),
        )
    output().print(table)


@app.command("settings", rich_help_panel=PANEL)
def user_settings(
    name: Annotated[str, typer.Argument(help="The listener, as `myi users` names them.")],
    timezone: Annotated[str | None, typer.Option(help="An IANA time zone: days and hours are counted in it.")] = None,
    hide_incognito: Annotated[
        bool | None,
        typer.Option("--hide-incognito/--count-incognito", help="Whether plays of private sessions are left out."),
    ] = None,
) -> None:
    """Show or change a listener's settings. What follows from a change is derived at once.

    Archived months are restored for a new time zone, and leave again with the next archiving. If it is interrupted, the
    same command, or `myi up`, does the rest; until then the report says that numbers will change.

    Examples:

      myi settings anna --timezone America/St_Johns

      myi settings anna --hide-incognito
    """
    from myi_pipelines.operations.archiving import restoring_from, store_of
    from myi_pipelines.operations.interrupts import change_is_kept
    from myi_pipelines.warehouse.session import Session
    from myi_pipelines.warehouse.user_derivation import derive_user
    from myi_pipelines.warehouse.users import (
        hides_incognito,
        known_user,
        list_users,
        set_hide_incognito,
        set_timezone,
    )

    settings = read_settings()
    with warehouse_connection(settings) as conn:
        user_id, name = known_user(conn, name)
        if timezone is not None and (count := set_timezone(conn, name, timezone)):
            note(f"computing {counted(count, 'month')} in {timezone}")
        if hide_incognito is not None and (count := set_hide_incognito(conn, name, hide=hide_incognito)):
            note(f"deriving {counted(count, 'month')} again")
        if timezone is not None or hide_incognito is not None:
            restoring = restoring_from(store_of(settings))
            session = Session(conn, min_play_ms=settings.min_play_ms, restore_archived=restoring, on_note=note)
            with change_is_kept():
                derive_user(session, user_id)
        is_hidden = hides_incognito(conn, user_id)
        [zone] = [user.timezone for user in list_users(conn) if user.name == name]
    output().print(f"timezone          {zone}", highlight=False)
    output().print(f"private sessions  {'hidden' if is_hidden else 'counted'}", highlight=False)


@app.command(rich_help_panel=PANEL)
def jobs(
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Keep showing, until Ctrl-C.")] = False,
    user: Annotated[str | None, typer.Option(help="Only this listener's.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, newest first.")] = 20,
    notes: Annotated[
        int | None,
        typer.Option(metavar="JOB", help="What became of this job's rows, and what was left out or looks odd."),
    ] = None,
) -> None:
    """Show import jobs: what was read, landed, known before, rejected and why.

    What became of the rows that landed, `myi import` and --notes say: among them those that added a listening event.

    Examples:

      myi jobs --watch

      myi jobs --user anna --limit 5

      myi jobs --notes 12
    """
    from rich.live import Live

    from myi_pipelines.warehouse.import_jobs import find_job, list_jobs
    from myi_pipelines.warehouse.import_outcomes import outcomes_of_jobs
    from myi_pipelines.warehouse.users import known_user

    settings = read_settings()
    with warehouse_connection(settings) as conn:
        if notes is not None:
            job = find_job(conn, notes)
            user_id = known_user(conn, job.user).id
            _show_notes(job, outcomes_of_jobs(conn, user_id, [job.id], settings.min_play_ms).get(job.id, {}))
            return
        if user is not None:
            user = known_user(conn, user).name
        if not watch:
            found = list_jobs(conn, user=user, limit=limit)
            output().print(_jobs_table(found)) if found else note("no import yet")
            if with_notes := next((job.id for job in found if job.notes), None):
                note(f"`myi jobs --notes {with_notes}` shows the notes of job {with_notes}")
            return
        try:
            with Live(console=output(), auto_refresh=False) as live:
                while True:
                    live.update(_jobs_table(list_jobs(conn, user=user, limit=limit)), refresh=True)
                    time.sleep(0.5)
        except KeyboardInterrupt:
            return


def _jobs_table(found: "list[ImportJob]") -> "Table":
    table = _table(
        ">job", "file", "user", "status", ">rows", ">landed", ">known", "rejected", ">notes", "started", ">took"
    )
    for job in found:
        table.add_row(
            str(job.id),
            escape(job.file_name),
            escape(job.user),
            _status(job),
            f"{job.processed_rows if job.total_rows is None else job.total_rows:,}",
            f"{job.added_rows:,}",
            f"{job.duplicate_rows:,}",
            escape(job.error_message or _reasons(job.rejected)),
            str(len(job.notes) or ""),
            _when(job.started_at or job.created_at),  # of a program that submits, the first time
            f"{(job.completed_at - job.started_at).total_seconds():.1f} s"
            if job.completed_at and job.started_at and not job.is_submitted
            else "",
        )
    return table


def _show_notes(job: "ImportJob", outcomes: "Mapping[str, int]") -> None:
    from myi_pipelines.warehouse.import_outcomes import OUTCOMES

    console = output()
    console.print(_jobs_table([job]))
    for outcome, rows in outcomes.items():
        console.print(f"{rows:>12,} {outcome.replace('_', ' ')}: {OUTCOMES[outcome]}", highlight=False)
    for line in job.notes or ["Nothing was left out, and nothing looks odd."]:
        console.print(line if not job.notes else f"note: {line}", markup=False, highlight=False, soft_wrap=True)


def _reasons(rejected: dict[str, int]) -> str:
    return ", ".join(f"{rows:,} {reason}" for reason, rows in sorted(rejected.items()) if rows)


def _status(job: "ImportJob") -> str:
    colour = {"COMPLETED": "green", "FAILED": "red", "PROCESSING": "yellow"}.get(job.status, "dim")
    if job.is_undone:
        return "[yellow]undone[/yellow]"
    share = f" {job.processed_bytes / job.total_bytes:4.0%}" if job.status == "PROCESSING" and job.total_bytes else ""
    return f"[{colour}]{job.status.lower()}{share}[/{colour}]"


@app.command(rich_help_panel=PANEL)
def sql(
    query: Annotated[str, typer.Argument(help="One SQL statement, or - to read it from standard input.")],
    format: Annotated[Literal["table", "csv", "json"], typer.Option(help="How to print the rows.")] = "table",  # noqa: A002
    timeout: Annotated[float, typer.Option(min=0.001, max=86_400, help="Give up after this many seconds.")] = 60.0,
) -> None:
    """Run a query. It cannot change anything: it runs as a login that may read the tables and do nothing else.

    Examples:

      myi sql "SELECT name, total_play_count FROM users"

      myi sql --format csv "SELECT * FROM user_hour_stats" > hours.csv

      myi sql - --timeout 600 < question.sql
    """
    import psycopg

    from myi_pipelines.cli.rows import write_csv, write_json, write_table
    from myi_pipelines.serving.sql_console import explain_error, read_only_query

    if math.isnan(timeout):
        raise typer.BadParameter("a number of seconds is needed", param_hint="--timeout")
    text = "".join(standard_input()) if query == "-" else query
    with reader_connection(read_settings()) as conn:
        try:
            columns, rows = read_only_query(conn, text, timeout_seconds=timeout)
        except psycopg.Error as error:
            complain(explain_error(error, text))
            raise typer.Exit(1) from None
    write = {"table": write_table, "csv": write_csv, "json": write_json}[format]
    write(columns, rows)


def _table(*columns: str) -> "Table":
    """A plain table; a column's name that starts with > is right-aligned."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column.removeprefix(">"), justify="right" if column.startswith(">") else "left")
    return table


def _when(moment: "datetime | None", timezone: str | None = None) -> str:
    """A moment in a time zone; this machine's by default."""
    from myi_pipelines.zones import zone

    return f"{moment.astimezone(zone(timezone) if timezone else None):%Y-%m-%d %H:%M}" if moment else "–"
