"""Two users are made one: `myi merge-users`. Which rows move is in ``warehouse.user_merge``; here are the archive, the
runs and the folders of the uploads around it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from myi_pipelines.operations.forget import Places, require_idle, upload_folders
from myi_pipelines.operations.interrupts import REPAIR, change_is_kept
from myi_pipelines.warehouse.archive import with_archived_restored
from myi_pipelines.warehouse.session import Session
from myi_pipelines.warehouse.user_derivation import DerivedUser, derive_user
from myi_pipelines.warehouse.user_merge import merge_users
from myi_pipelines.warehouse.users import User, known_user


class MergedUsers(NamedTuple):
    """What became of two users."""

    user: User
    months: int
    """Months into which plays moved."""
    derived: DerivedUser
    folders: list[Path]
    """Folders of the uploads that still have the name of the user who went."""


def merge(session: Session, places: Places, name: str, into: str) -> MergedUsers:
    """Make a user part of another, who keeps the name and the settings, and derive what changes.

    The rows move in one transaction. Killed before it, nothing has changed but that archived plays may be restored;
    killed after it, ``myi up`` derives what is left. The session has to restore archived plays. Raises UnknownUser,
    MergeRefused, ImportUnderWay and what restoring raises.
    """
    source, target = known_user(places.conn, name), known_user(places.conn, into)
    folders = upload_folders(places.conn, places.uploads, source)
    for user in (source, target):
        require_idle(places.runs, user.name)
    merged = with_archived_restored(session, lambda: merge_users(session.conn, name, into))
    with change_is_kept(REPAIR):
        derived = derive_user(session, merged.user.id)
    return MergedUsers(merged.user, len(merged.months), derived, folders)
