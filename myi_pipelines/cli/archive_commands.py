"""The archive at the terminal: ``myi archive`` and ``myi unarchive``."""

import re
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from myi_pipelines.cli.app import app, complain, note, output, read_settings, ready_servers, warehouse_connection
from myi_pipelines.text import counted, duration, size

if TYPE_CHECKING:
    from myi_pipelines.settings import Settings

PANEL = "Operations"
HOLD_DAYS = 7


@app.command(rich_help_panel=PANEL)
def archive(
    keep_months: Annotated[
        int | None,
        typer.Option(
            min=1, max=1_200, help="Whole months before this one that stay; MYI_RETENTION_MONTHS when not given."
        ),
    ] = None,
    show: Annotated[bool, typer.Option("--list", help="Only list what is in the archive.")] = False,
) -> None:
    """Move plays of old months into Parquet files, verified before the tables are dropped. Statistics stay exact.

    `myi up` does it every night when MYI_RETENTION_MONTHS is set. Three months stay in any case.

    Examples:

      myi archive --keep-months 24

      myi archive --list
    """
    settings = read_settings()
    if show:
        _list(settings)
        return
    if keep_months is None and not settings.retention_months:
        complain("MYI_RETENTION_MONTHS is not set, so everything stays; try `myi archive --keep-months 24`")
        raise typer.Exit(1)
    from myi_pipelines.cli.foreground_run import run_job
    from myi_pipelines.orchestration.instance.foreground import ForegroundRun
    from myi_pipelines.orchestration.jobs import archive_config, archive_history

    ready_servers(settings, redis=False)
    with warehouse_connection(settings):
        pass
    done = run_job(settings, ForegroundRun(archive_history.name, archive_config(keep_months), {}, "archiving"))
    numbers = done.metadata_of("archived_months")
    output().print(
        f"[bold]{numbers['run_months']:,} months archived[/bold], {numbers['run_rows']:,} rows in "
        f"{size(numbers['run_bytes'])}, {duration(done.seconds)}",
        highlight=False,
    )
    problems = [one.description for one in done.result.get_asset_check_evaluations() if not one.passed]
    for problem in problems:
        complain(problem or "some months could not be archived")
    raise typer.Exit(1 if problems else 0)


@app.command(rich_help_panel=PANEL)
def unarchive(
    months: Annotated[list[str], typer.Argument(help="Months like 2019-03.")],
    hold_days: Annotated[
        int, typer.Option(min=0, max=36_500, help="Days before the months may be archived again.")
    ] = HOLD_DAYS,
) -> None:
    """Restore archived months, equal row for row.

    Plays that other work needs are restored by that work; this command is for reading them.

    Example:

      myi unarchive 2019-03 2019-04
    """
    from myi_pipelines.operations.archiving import restore_archived, store_of
    from myi_pipelines.warehouse.archive import archived_user_months, hold_months

    chosen = [_month(text) for text in months]
    settings = read_settings()
    with warehouse_connection(settings) as conn:
        hold_months(conn, chosen, datetime.now(UTC) + timedelta(days=hold_days))
        restored = restore_archived(store_of(settings), conn, archived_user_months(conn, chosen))
    if not restored:
        note("nothing of these months is in the archive; `myi archive --list` shows what is")
        return
    output().print(f"plays of {counted(restored, 'user-month')} restored", highlight=False)


def _list(settings: "Settings") -> None:
    from rich.table import Table

    from myi_pipelines.operations.archiving import list_folders, store_of

    with warehouse_connection(settings) as conn:
        folders = list_folders(conn, store_of(settings))
    if not folders:
        note("the archive is empty")
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("month", "folder"):
        table.add_column(name)
    for name in ("users", "events", "size"):
        table.add_column(name, justify="right")
    table.add_column("state")
    for name, part, is_present in folders:
        month = name.partition("/")[0].removeprefix("month=")
        numbers = (
            ("", "", "") if part is None else (f"{part.user_count:,}", f"{part.listening_events:,}", size(part.bytes))
        )
        state = "orphaned" if part is None else "" if is_present else "missing"
        table.add_row(month, name, *numbers, state)
    output().print(table)


def _month(text: str) -> date:
    with suppress(ValueError):
        if re.fullmatch("[0-9]{4}-[0-9]{2}", text):
            return date.fromisoformat(f"{text}-01")
        if re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            month = f"{date.fromisoformat(text):%Y-%m}"
            raise typer.BadParameter(f"{text!r} is a day, and whole months are restored: write {month}")
    raise typer.BadParameter(f"{text!r} is not a month; write it like 2019-03")
