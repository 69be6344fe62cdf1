"""People's data and recovery: ``myi export``, ``forget``, ``backup``, ``restore`` and ``verify``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from myi_pipelines.cli.app import app, complain, note, output, read_settings, ready_servers, warehouse_connection
from myi_pipelines.errors import BusyError

if TYPE_CHECKING:
    from myi_pipelines.operations.verify import Verified
    from myi_pipelines.settings import Settings

PANEL = "Your data"


class StackIsUp(BusyError):
    """What is to be replaced is being served."""


@app.command(rich_help_panel=PANEL)
def export(
    user: Annotated[str, typer.Option(help="The listener, as `myi users` names them.")],
    to: Annotated[Path, typer.Option(help="A folder that is empty or does not exist.")],
    format: Annotated[Literal["parquet", "csv"], typer.Option(help="What the rows are written as.")] = "parquet",  # noqa: A002
) -> None:
    """Write everything of a listener into a folder: plays, statistics, top lists, settings, and the tracks they name.

    Plays in the archive are among them, tokens are not. The folder's README.md says what each file is.

    Examples:

      myi export --user anna --to anna-history

      myi export --user anna --to anna-history --format csv
    """
    from myi_pipelines.operations.archiving import store_of
    from myi_pipelines.operations.export import ExportFormat, export_user

    settings = read_settings()
    with warehouse_connection(settings) as conn:
        files = export_user(conn, store_of(settings), user, to, ExportFormat(format))
    plays = next(file.rows for file in files if file.file == f"plays.{format}")
    _say(f"{to}: {plays:,} plays of {user}, {len(files)} files, {_size(sum(file.bytes for file in files))}")


@app.command(rich_help_panel=PANEL)
def forget(
    user: Annotated[str, typer.Option(help="The listener, as `myi users` names them.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove everything of a listener for good: rows, uploaded files, plays in the archive, runs that name them.

    Shows what there was and, counted again, what is left: nothing. What tracks are called stays, and so do backups
    and exports that were made before.

    Examples:

      myi forget --user anna

      myi forget --user anna --yes
    """
    from myi_pipelines.cli.rows import write_table
    from myi_pipelines.operations.archiving import store_of
    from myi_pipelines.operations.forget import forget_user, holdings_of

    settings = read_settings()
    with warehouse_connection(settings) as conn:
        store = store_of(settings)
        if not yes:
            held = holdings_of(conn, settings, store, user).nonzero()
            write_table(("what", "now"), held)
            _confirm(f"Remove all of this for good? {user} cannot be brought back.")
        forgotten = forget_user(conn, settings, store, user)
    before, after = forgotten.before.everything(), forgotten.after.everything()
    write_table(("what", "before", "after"), [(place, count, after[place]) for place, count in before.items()])
    _say(f"{user} is forgotten; backups and exports made before this still know them")


@app.command(rich_help_panel=PANEL)
def backup(folder: Annotated[Path, typer.Argument(help="A folder that is empty or does not exist.")]) -> None:
    """Write the whole warehouse into a folder, while people go on using it: a dump, its row counts, checksums.

    The encryption key is not in it, nor are archived months: keep those too, elsewhere.

    Examples:

      myi backup backups/2026-01-31

      myi backup "/mnt/elsewhere/myi-$(date +%F)"
    """
    from myi_pipelines.operations.backup import back_up
    from myi_pipelines.runtime.servers import servers_of

    settings = read_settings()
    with warehouse_connection(settings) as conn:
        done = back_up(conn, servers_of(settings).database_url, settings, folder)
    _say(f"{folder}: {sum(done.rows.values()):,} rows of {len(done.rows)} tables, {_size(done.bytes)}")
    if done.rows["spotify_auth"]:
        place = "the value of MYI_ENCRYPTION_KEY" if settings.encryption_key else str(settings.key_file)
        note(f"not in it: the encryption key; keep {place} too, in another place than the backup")
    if done.archived_months:
        place = settings.archive_url or str(settings.home / "archive")
        note(f"not in it: archived months; keep {place} too")


@app.command(rich_help_panel=PANEL)
def restore(
    folder: Annotated[Path, typer.Argument(help="A folder that `myi backup` wrote.", exists=True, file_okay=False)],
    replace: Annotated[bool, typer.Option("--replace", help="Also where the warehouse holds something.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Put a backup in the place of the warehouse, and see that it is what was backed up.

    Into an empty warehouse, unless told to replace what there is. Until the restored one is found to be complete, what
    was there before is kept, and put back when anything goes wrong. Stop `myi up` first.

    Examples:

      myi restore backups/2026-01-31

      myi restore backups/2026-01-31 --replace
    """
    from myi_pipelines.operations.backup import restore as restore_backup
    from myi_pipelines.runtime.servers import servers_of
    from myi_pipelines.runtime.stack_state import owner_of

    settings = read_settings()
    owner = owner_of(settings)
    if owner is not None:
        raise StackIsUp(f"`myi up` is running (pid {owner}): stop it, then run this again")
    ready_servers(settings, redis=False)
    if replace and not yes:
        _confirm("Replace everything in the warehouse by the backup?")
    url = servers_of(settings).database_url
    done = restore_backup(url, settings, folder, replace=replace, progress=note)
    _say(f"restored {sum(done.rows.values()):,} rows of {len(done.rows)} tables, as of {done.created_at[:16]} UTC")
    _say("every table has as many rows as were backed up, and all invariants hold")
    if done.applied:
        note(f"applied {len(done.applied)} migrations: the backup was made by an older version")
    if not done.key_is_here:
        note(
            f"warning: the encryption key in use is not the backup's: put that one back ({_key_place(settings)}), or "
            "have every listener `myi login` again"
        )
    if done.archived_months:
        note("warning: the backup refers to archived months: see that the archive of that time is where it was")


@app.command(rich_help_panel=PANEL)
def verify(
    repair: Annotated[bool, typer.Option("--repair", help="Derive again what differs.")] = False,
    user: Annotated[str | None, typer.Option(help="Only this listener's.")] = None,
) -> None:
    """Derive everything anew, aside, and compare: events with what landed, statistics with events, the catalog's links.

    Names each difference. Exit code 1: something differs, and was not repaired.

    Examples:

      myi verify

      myi verify --user anna --repair
    """
    from myi_pipelines.operations import verify
    from myi_pipelines.operations.archiving import restoring_from, store_of
    from myi_pipelines.warehouse.users import user_named

    settings = read_settings()
    with warehouse_connection(settings) as conn:
        if user is not None:
            user_named(conn, user)
        found = verify.verify(conn, min_play_ms=settings.min_play_ms, user=user, progress=note)
        _show_differences(found)
        if repair and found.differences:
            verify.repair(
                conn,
                found,
                min_play_ms=settings.min_play_ms,
                restore_archived=restoring_from(store_of(settings)),
                progress=note,
            )
            found = verify.verify(conn, min_play_ms=settings.min_play_ms, user=user, progress=note)
            _say("after the repair:")
            _show_differences(found)
    if found.differences:
        raise typer.Exit(1)


def _show_differences(found: "Verified") -> None:
    for one in found.differences:
        _say(str(one))
    waiting = f"; {_count(found.stale, 'stale slice')} not derived yet" if found.stale else ""
    differences = _count(len(found.differences), "difference") if found.differences else "no difference"
    _say(f"{differences} in {_count(found.slices, 'slice')} of {_count(found.users, 'listener')}{waiting}")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _confirm(question: str) -> None:
    try:
        agreed = typer.confirm(question)
    except typer.Abort:
        agreed = False
    if not agreed:
        complain("nothing was changed")
        raise typer.Exit(1)


def _key_place(settings: "Settings") -> str:
    return "MYI_ENCRYPTION_KEY" if settings.encryption_key else str(settings.key_file)


def _size(count: int) -> str:
    return f"{count / 1024**2:,.1f} MiB"


def _say(line: str) -> None:
    output().print(line, markup=False, highlight=False)
