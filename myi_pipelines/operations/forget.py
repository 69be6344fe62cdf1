"""A user is forgotten: `myi forget` removes the user's rows, uploaded files, plays in the archive and the runs that
name the user, and counts all of it again. Which rows belong to a user is in ``warehouse.personal_data``."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from myi_pipelines.errors import BusyError, FailedError
from myi_pipelines.operations import archiving
from myi_pipelines.operations.parquet_store import Store
from myi_pipelines.warehouse import personal_data
from myi_pipelines.warehouse.catalog import sync_catalog
from myi_pipelines.warehouse.database.connections import Connection
from myi_pipelines.warehouse.users import User, archived_ids, find_user, former_names, known_user


class NotForgotten(FailedError):
    """Some of the user's data is still there."""


class ImportUnderWay(BusyError):
    """A run is writing what is to be removed."""


class RunHistory(Protocol):
    """The runs that Dagster remembers, which this module does not import: the caller passes
    ``orchestration.instance.user_runs.UserRuns``."""

    def unfinished(self, user: str) -> Sequence[str]:
        """Ids of the runs that work for a user and have not ended."""

    def naming(self, user: str) -> Sequence[str]:
        """Ids of the finished runs that name a user."""

    def remove_naming(self, user: str) -> None:
        """Remove the finished runs that name a user."""


class Places(NamedTuple):
    """Every place where data of users lies."""

    conn: Connection
    """The warehouse."""
    store: Store
    """The archive."""
    uploads: Path
    """The folder above the users' own."""
    runs: RunHistory


class UserData(NamedTuple):
    """How much data of one user there is."""

    rows: Mapping[str, int]
    """By table."""
    archived_rows: int
    uploads: int
    """Files in the folders of the uploads that mean the user."""
    runs: int
    """Dagster runs that name the user."""

    def by_place(self) -> dict[str, int]:
        """How much there is, by where it is."""
        return {**self.rows, "archived rows": self.archived_rows, "uploaded files": self.uploads, "runs": self.runs}

    def nonzero(self) -> list[tuple[str, int]]:
        """The places with any data."""
        return [(place, count) for place, count in self.by_place().items() if count]


class ForgottenUser(NamedTuple):
    """The data of a user before and after: after it, there is none, or NotForgotten would have been raised."""

    before: UserData
    after: UserData


def count_user_data(places: Places, name: str) -> UserData:
    """How much data of a user there is. Raises UnknownUser."""
    return _count(places, _Forgotten.of(places, name))


def forget_user(places: Places, name: str, *, archive_is_lost: bool = False) -> ForgottenUser:
    """Remove all data of a user, and count what remains.

    The row that leads to the rest is removed last: after an interruption, running it again finishes the work.
    ``archive_is_lost`` says that what is missing in the archive is lost for good. Raises UnknownUser, ImportUnderWay,
    NotForgotten and what the archive raises.
    """
    one = _Forgotten.of(places, name)
    require_idle(places.runs, one.user.name)
    before = _count(places, one)
    archiving.forget_user(places.conn, places.store, one.ids, is_lost=archive_is_lost)
    for folder in one.folders:
        _remove_uploads(folder)
    for known_as in one.names:
        places.runs.remove_naming(known_as)
    personal_data.forget_user(places.conn, one.user.id)
    sync_catalog(places.conn)  # the user may have said which tracks are one song
    after = _count(places, one)
    if remaining := after.nonzero():
        found = ", ".join(f"{place} {count:,}" for place, count in remaining)
        raise NotForgotten(
            f"{one.user.name}: something was written at the same time and remains: {found}; stop `myi up`, and look "
            "there"
        )
    return ForgottenUser(before, after)


class _Forgotten(NamedTuple):
    """A user who is forgotten, and what leads to the data that are not rows."""

    user: User
    ids: list[int]
    """The ids under which rows in the archive are the user's."""
    names: list[str]
    """The name and former ones: finished runs name the user by them."""
    folders: list[Path]
    """The folders of the uploads that mean the user."""

    @classmethod
    def of(cls, places: Places, name: str) -> _Forgotten:
        user = known_user(places.conn, name)
        names = [user.name, *former_names(places.conn, user.id)]
        ids = archived_ids(places.conn, user.id)
        return cls(user, ids, names, upload_folders(places.conn, places.uploads, user))


def upload_folders(conn: Connection, uploads: Path, user: User) -> list[Path]:
    """The folders of the uploads whose names mean a user, in any spelling."""
    entries = sorted(uploads.iterdir()) if uploads.is_dir() else []
    return [entry for entry in entries if find_user(conn, entry.name) == user]


def require_idle(runs: RunHistory, name: str) -> None:
    """Raise ImportUnderWay while a run works for a user."""
    for run_id in runs.unfinished(name):
        raise ImportUnderWay(
            f"run {run_id} imports for {name} at this moment: wait for its end or cancel it in Dagster's UI, then run "
            "this again; if it was killed, that is known a minute later"
        )


# Counting and removing, place by place


def _count(places: Places, one: _Forgotten) -> UserData:
    return UserData(
        personal_data.count_rows(places.conn, one.user.id),
        archiving.count_rows(places.store, one.ids),
        sum(map(_upload_count, one.folders)),
        len({run_id for name in one.names for run_id in places.runs.naming(name)}),
    )


def _upload_count(folder: Path) -> int:
    if folder.is_symlink():
        return 1
    return sum(1 for path in folder.rglob("*") if not path.is_dir() or path.is_symlink())


def _remove_uploads(folder: Path) -> None:
    """Remove the files that wait, that were imported and that failed. Of a link, only the link is removed: the folder
    that it leads to is not MYI's."""
    if folder.is_symlink():
        folder.unlink()
    elif folder.is_dir():
        shutil.rmtree(folder)
