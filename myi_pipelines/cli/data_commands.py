"""The users' data and recovery: ``myi export``, ``forget``, ``backup``, ``restore`` and ``verify``."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from myi_pipelines.cli.app import app, confirm, note, output, read_settings, ready_servers, warehouse_connection
from myi_pipelines.errors import BusyError
from myi_pipelines.text import counted, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from myi_pipelines.operations.archiving import Reconciled
    from myi_pipelines.operations.verify import Verified
    from myi_pipelines.settings import Settings
    from myi_pipelines.warehouse.invariants import Violation

PANEL = "Your data"


class StackIsUp(BusyError):
    """``myi up`` serves the warehouse that is to be replaced."""


@app.command(rich_help_panel=PANEL)
def export(
    user: Annotated[str, typer.Option(help="The user, as `myi users` lists them.")],
    to: Annotated[Path, typer.Option(help="A folder that is empty or does not exist.")],
    format: Annotated[  # noqa: A002
        Literal["parquet", "csv", "listenbrainz", "lastfm"], typer.Option(help="What the rows are written as.")
    ] = "parquet",
) -> None:
    """Write all data of a user into a folder: plays, statistics, top lists, settings, and the tracks they refer to.

    It includes plays in the archive, and no tokens. The folder's README.md says what each file is. `myi import` reads
    the folder of the format parquet again, and loses no play. The formats listenbrainz and lastfm have the plays alone,
    as those services export them: for other programs, and `myi import`, too.

    Examples:

      myi export --user anna --to anna-history

      myi export --user anna --to anna-history --format csv

      myi export --user anna --to anna-listens --format listenbrainz
    """
    from myi_pipelines.operations.archiving import store_of
    from myi_pipelines.operations.export import ExportFormat, export_user, is_plays

    settings = read_settings()
    with warehouse_connection(settings) as conn:
        files = export_user(conn, store_of(settings), user, to, ExportFormat(format))
    plays = sum(file.rows for file in files if is_plays(file.file))
    what = f"{counted(plays, 'play')} of {user}, {counted(len(files), 'file')}"
    _say(f"{to}: {what}, {size(sum(file.bytes for file in files))}")


@app.command(rich_help_panel=PANEL)
def forget(
    user: Annotated[str, typer.Option(help="The user, as `myi users` lists them.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    archive_is_lost: Annotated[
        bool, typer.Option("--archive-is-lost", help="Also when files of the archive are missing, for good.")
    ] = False,
) -> None:
    """Remove all data of a user for good: rows, uploaded files, plays in the archive, runs that name the user.

    Shows how much there was and, counted again, how much is left: nothing. The names of tracks stay, and so do backups
    and exports that were made before.

    Examples:

      myi forget --user anna

      myi forget --user anna --yes
    """
    from myi_pipelines.cli.rows import write_table
    from myi_pipelines.operations.archiving import store_of
    from myi_pipelines.operations.forget import Places, count_user_data, forget_user
    from myi_pipelines.orchestration.instance.user_runs import UserRuns
    from myi_pipelines.warehouse.users import known_user

    settings = read_settings()
    with warehouse_connection(settings) as conn:
        user = known_user(conn, user).name
        places = Places(conn, store_of(settings), settings.uploads, UserRuns(settings))
        if not yes:
            write_table(("what", "now"), count_user_data(places, user).nonzero())
            confirm(f"Remove all of this for good? {user} cannot be restored.")
        forgotten = forget_user(places, user, archive_is_lost=archive_is_lost)
    before, after = forgotten.before.by_place(), forgotten.after.by_place()
    write_table(("what", "before", "after"), [(place, count, after[place]) for place, count in before.items()])
    _say(f"{user} is forgotten; backups and exports made before this still contain {user}'s data")


@app.command(rich_help_panel=PANEL)
def backup(folder: Annotated[Path, typer.Argument(help="A folder that is empty or does not exist.")]) -> None:
    """Write the whole warehouse into a folder, while it stays in use: a dump, its row counts, checksums.

    It contains neither the encryption key nor archived months: keep both in another place.

    Examples:

      myi backup backups/2026-01-31

      myi backup "/mnt/elsewhere/myi-$(date +%F)"
    """
    from myi_pipelines.operations.backup import back_up
    from myi_pipelines.runtime.servers import servers_of

    settings = read_settings()
    with warehouse_connection(settings) as conn:
        done = back_up(conn, servers_of(settings).database_url, settings, folder)
    _say(f"{folder}: {sum(done.rows.values()):,} rows of {len(done.rows)} tables, {size(done.bytes)}")
    _show_violations(done.violations, "in the warehouse, and so in the backup")
    if done.rows["spotify_auth"]:
        place = "the value of MYI_ENCRYPTION_KEY" if settings.encryption_key else str(settings.key_file)
        note(f"not in it: the encryption key; keep {place} too, in another place than the backup")
    if done.archived_months:
        place = settings.archive_url or str(settings.home / "archive")
        note(f"not in it: archived months; keep {place} too")


@app.command(rich_help_panel=PANEL)
def restore(
    folder: Annotated[Path, typer.Argument(help="A folder that `myi backup` wrote.", exists=True, file_okay=False)],
    replace: Annotated[bool, typer.Option("--replace", help="Also when the warehouse holds data.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Put a backup in the place of the warehouse, and verify that it is what was backed up.

    The warehouse must be empty, unless --replace is given. The data that was there before is kept until the restored
    warehouse is found to be complete, and put back when anything goes wrong. Stop `myi up` first.

    Examples:

      myi restore backups/2026-01-31

      myi restore backups/2026-01-31 --replace
    """
    from myi_pipelines.operations.restore import restore as restore_backup
    from myi_pipelines.runtime.servers import servers_of
    from myi_pipelines.runtime.stack_state import owner_of

    settings = read_settings()
    owner = owner_of(settings)
    if owner is not None:
        raise StackIsUp(f"`myi up` is running (pid {owner}): stop it, then run this again")
    ready_servers(settings, redis=False)
    if replace and not yes:
        confirm("Replace everything in the warehouse with the backup?")
    url = servers_of(settings).database_url
    done = restore_backup(url, settings, folder, replace=replace, progress=note)
    _say(f"restored {sum(done.rows.values()):,} rows of {len(done.rows)} tables, as of {done.created_at[:16]} UTC")
    _say(f"every table has as many rows as were backed up{'' if done.violations else ', and all invariants hold'}")
    _show_violations(done.violations, "as they did in the backup")
    if done.applied:
        note(f"applied {len(done.applied)} migrations: the backup was made by an older version")
    if not done.key_is_here:
        note(
            f"warning: the encryption key in use is not the backup's: put that one back ({_key_place(settings)}), or "
            "link every account again with `myi login`"
        )
    if done.archive is not None:
        _show_archive(done.archive, settings)
    elif done.archived_parts:
        note("warning: the backup refers to archived months; once the archive can be read, run `myi verify --repair`")


@app.command(rich_help_panel=PANEL)
def verify(
    repair: Annotated[bool, typer.Option("--repair", help="Derive again what differs.")] = False,
    user: Annotated[str | None, typer.Option(help="Only this user's data.")] = None,
) -> None:
    """Derive everything again and compare: events and the catalog with what landed, statistics with events.

    It lists each difference. Exit code 1: something differs, and was not repaired.

    Examples:

      myi verify

      myi verify --user anna --repair
    """
    from myi_pipelines.operations import verify
    from myi_pipelines.operations.archiving import restoring_from, store_of
    from myi_pipelines.warehouse.session import Session
    from myi_pipelines.warehouse.users import known_user

    settings = read_settings()
    with warehouse_connection(settings) as conn:
        if user is not None:
            user = known_user(conn, user).name
        store = store_of(settings)
        session = Session(
            conn,
            min_play_ms=settings.min_play_ms,
            restore_archived=restoring_from(store) if repair else None,
            on_note=note,
        )
        found = verify.verify(session, user, store)
        _show_differences(found)
        if repair and (found.differences or found.invalidated):
            found = verify.repair(session, user, store)
            _say("after the repair:")
            _show_differences(found)
    if found.differences:
        raise typer.Exit(1)


@app.command(rich_help_panel=PANEL)
def rederive(
    user: Annotated[str | None, typer.Option(help="Only this user's plays.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Derive every event and all statistics again from what landed: after a change of MYI_MIN_PLAY_MS.

    It says what it will do, and asks. Archived months are restored first, and leave again with the next archiving.
    Nothing that landed is lost: with the former setting, the same command brings the former numbers back.

    Stop `myi up` first: it counts by the settings that it was started with. If it is interrupted, run it again.

    Examples:

      myi rederive

      myi rederive --user anna --yes
    """
    from myi_pipelines.cli.rows import write_table
    from myi_pipelines.operations import rederiving
    from myi_pipelines.operations.archiving import restoring_from, store_of
    from myi_pipelines.runtime.stack_state import owner_of
    from myi_pipelines.warehouse.session import Session
    from myi_pipelines.warehouse.users import known_user

    settings = read_settings()
    owner = owner_of(settings)
    if owner is not None:
        raise StackIsUp(f"`myi up` is running (pid {owner}): stop it, run this again, then start it")
    with warehouse_connection(settings) as conn:
        plans = rederiving.plan(conn, None if user is None else known_user(conn, user).id)
        if not plans:
            note("there are no plays yet: nothing to derive")
            return
        months, archived = sum(len(one.months) for one in plans), sum(one.archived for one in plans)
        note(f"a play counts from {settings.min_play_ms:,} ms on (MYI_MIN_PLAY_MS)")
        note(f"{counted(months, 'user-month')} of {counted(len(plans), 'user')} will be derived again")
        if archived:
            note(f"the plays of {counted(archived, 'user-month')} are in the archive and will be restored first")
        if not yes:
            confirm("Derive all of this again?")
        restoring = restoring_from(store_of(settings))
        session = Session(conn, min_play_ms=settings.min_play_ms, restore_archived=restoring, on_note=note)
        rows = [
            (now.name, before.play_count, now.play_count, before.other_play_count, now.other_play_count)
            for before, now in rederiving.rederive(session, plans)
        ]
    write_table(("user", "plays before", "plays now", "podcasts and other before", "now"), rows)
    if archived:
        note("what was restored stays in the database until the next `myi archive`")


def _show_violations(found: "Sequence[Violation]", where: str) -> None:
    """Say that statistics are wrong, and what puts them right."""
    if found:
        note(
            f"warning: {counted(len(found), 'sum')} of statistics disagree, {where}; the first: {found[0]}. "
            "`myi verify --repair` puts them right"
        )


def _show_archive(found: "Reconciled", settings: "Settings") -> None:
    """Say what the archive has by now of the months that a restored backup refers to."""
    if found.found_again:
        note(f"{counted(found.found_again, 'archived folder')} written again since the backup: found, and in use")
    for name, count in sorted(found.forgotten.items()):
        note(
            f"warning: {name} was forgotten since the backup: {counted(count, 'month')} of plays are not in the "
            f"archive any more. `myi forget --user {shlex.quote(name)}` removes the rest; or import the exports again"
        )
    if found.missing:
        months = sorted({f"{part.month:%Y-%m}" for part in found.missing})
        note(
            f"warning: {counted(len(found.missing), 'archived folder')} of {months[0]} to {months[-1]} not in "
            f"{settings.archive_url or settings.home / 'archive'}: put the archive of that time there and run "
            "`myi verify --repair`. Files of months that were restored, or whose users were forgotten, are gone: those "
            "plays come from other backups or exports only"
        )
    if found.orphaned:
        note(
            f"{counted(found.orphaned, 'archived folder')} of after the backup: kept for 30 days for newer backups, "
            "then removed"
        )


def _show_differences(found: "Verified") -> None:
    for one in found.differences:
        _say(str(one))
    waiting = f"; {counted(found.invalidated, 'user-month')} to derive again" if found.invalidated else ""
    differences = counted(len(found.differences), "difference") if found.differences else "no difference"
    where = f"{counted(found.user_months, 'user-month')} of {counted(found.users, 'user')}"
    folders = f" and {counted(found.archived_folders, 'archived folder')}" if found.archived_folders else ""
    _say(f"{differences} in {where}{folders}{waiting}")


def _key_place(settings: "Settings") -> str:
    return "MYI_ENCRYPTION_KEY" if settings.encryption_key else str(settings.key_file)


def _say(line: str) -> None:
    output().print(line, markup=False, highlight=False)
