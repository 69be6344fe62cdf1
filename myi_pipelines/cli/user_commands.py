"""The listeners themselves: ``myi rename-user`` and ``merge-users``."""

from typing import TYPE_CHECKING, Annotated

import typer

from myi_pipelines.cli.app import app, confirm, note, output, read_settings, warehouse_connection
from myi_pipelines.text import counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PANEL = "Your data"


@app.command("rename-user", rich_help_panel=PANEL)
def rename_user(
    old: Annotated[str, typer.Argument(help="The listener, as `myi users` names them.")],
    new: Annotated[str, typer.Argument(help="The new name.")],
) -> None:
    """Give a listener another name. Everything else stays.

    Example:

      myi rename-user anna "Anna Maria"
    """
    from myi_pipelines.operations.forget import require_idle, upload_folders
    from myi_pipelines.orchestration.instance.user_runs import UserRuns
    from myi_pipelines.warehouse import users

    settings = read_settings()
    with warehouse_connection(settings) as conn:
        known = users.known_user(conn, old)
        require_idle(UserRuns(settings), known.name)
        folders = upload_folders(conn, settings.uploads, known)
        renamed = users.rename_user(conn, old, new)
        folders = [folder for folder in folders if users.find_user(conn, folder.name) != renamed]
    output().print(f"{known.name} is {renamed.name} now", markup=False, highlight=False)
    _name_folders(folders, settings.uploads / renamed.name)


@app.command("merge-users", rich_help_panel=PANEL)
def merge_users(
    name: Annotated[str, typer.Argument(metavar="FROM", help="The listener who goes, as `myi users` names them.")],
    into: Annotated[str, typer.Argument(metavar="INTO", help="The listener who stays, with name and settings.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Make two listeners one: plays, imports, corrections, top lists and a linked account of FROM become INTO's.

    What both have stays once. It cannot be undone. Archived plays are restored first where that is needed. Two
    listeners with a linked Spotify account each are refused: `myi logout` one of them before.

    Examples:

      myi merge-users ANNA anna

      myi merge-users phone anna --yes
    """
    from myi_pipelines.operations.archiving import restoring_from, store_of
    from myi_pipelines.operations.forget import Places
    from myi_pipelines.operations.merge_users import merge
    from myi_pipelines.orchestration.instance.user_runs import UserRuns
    from myi_pipelines.warehouse.session import Session
    from myi_pipelines.warehouse.user_merge import require_mergeable
    from myi_pipelines.warehouse.users import known_user

    settings = read_settings()
    with warehouse_connection(settings) as conn:
        source, target = known_user(conn, name), known_user(conn, into)
        require_mergeable(conn, name, into)
        if not yes:
            confirm(f"Put everything of {source.name} into {target.name}? This cannot be undone.")
        store = store_of(settings)
        session = Session(conn, min_play_ms=settings.min_play_ms, restore_archived=restoring_from(store), on_note=note)
        merged = merge(session, Places(conn, store, settings.uploads, UserRuns(settings)), source.name, target.name)
    output().print(
        f"{source.name} is part of {merged.user.name} now: {counted(merged.months, 'month')} with plays",
        markup=False,
        highlight=False,
    )
    _name_folders(merged.folders, settings.uploads / merged.user.name)


def _name_folders(folders: "Sequence[Path]", new: "Path") -> None:
    """Say which folders of the uploads would make a new listener of the old name."""
    for folder in folders:
        note(f"{folder} has the old name, which is a new listener's now: move what is in it to {new}")
